//! `cluster` in the hard cases.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    process::{Outcome, run},
    xml::{self, Element},
};

/// Runs `cluster` to its end.
fn cluster(args: &[&str], more: &[&str]) -> Outcome {
    let mut all = vec!["--seed", "1", "--json"];
    all.extend(args);
    all.extend(more);
    run("cluster", &all)
}

fn summary(outcome: &Outcome) -> &Value {
    let summary = outcome.json.last().expect("there is a line");
    assert_eq!(summary["event"], "summary", "{outcome:?}");
    summary
}

/// Asserts that a run ended well, and with these figures.
fn assert_passed(outcome: &Outcome, figures: &[(&str, usize)]) {
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let summary = summary(outcome);
    assert_eq!(summary["passed"], true, "{summary}");
    assert_eq!(summary["formed"], true, "{summary}");
    assert_eq!(summary["components"], 1, "{summary}");
    for (field, value) in figures {
        assert_eq!(summary[field], *value, "{field} in {summary}");
    }
}

/// The drawing of a run, and how it ended.
fn drawn(args: &[&str]) -> (Element, Outcome) {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let path = dir.path().join("<cluster>.svg");
    // A longer file, of which nothing may be left.
    std::fs::write(&path, "x".repeat(1 << 20)).expect("it can be written");
    let outcome = cluster(args, &["--svg", path.to_str().expect("the path is UTF-8")]);
    let text = std::fs::read_to_string(&path).expect("it can be read");
    let svg = xml::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((&*svg.name, &*svg.attributes["xmlns"]), ("svg", "http://www.w3.org/2000/svg"));
    (svg, outcome)
}

fn count(svg: &Element, class: &str) -> usize {
    svg.all().filter(|element| element.is(class)).count()
}

/// What is told of the nodes, in the order of their addresses.
fn titles(svg: &Element) -> Vec<&str> {
    let nodes = svg.all().filter(|element| element.is("node"));
    let titles = nodes.map(|node| node.children.iter().find(|child| child.name == "title"));
    titles.map(|title| &*title.expect("each node has one").text).collect()
}

#[test]
fn the_silent_and_the_dead_are_walked_past() {
    for more in [
        &[][..],
        &["--transport", "quic", "--records", "srv"],
        &["--transport", "memory", "--select", "fingers"],
        &["--one-address", "--identify", "dial", "--select", "all"],
    ] {
        let outcome = cluster(&["--nodes", "9", "--silent", "2", "--dead", "2"], more);
        let figures = [("nodes", 9), ("living", 5), ("silent", 2), ("dead", 2), ("joined", 5)];
        assert_passed(&outcome, &figures);
        let summary = summary(&outcome);
        assert_eq!(summary["formed"], true, "{summary}");
        assert_eq!(summary["candidates_min"], 9, "DNS names all of them: {summary}");
        let started = &outcome.json[0];
        assert_eq!((&started["silent"], &started["dead"]), (&summary["silent"], &summary["dead"]));
    }
}

/// The addresses are known in advance where every node has one of its own.
#[cfg(target_os = "linux")]
#[test]
fn the_silent_say_nothing_and_the_dead_are_not_there() {
    use std::{
        io::{ErrorKind, Read, Write},
        net::{Ipv4Addr, TcpStream},
        time::Duration,
    };

    use crate::process::Process;

    /// What whoever wants to speak with a node says first.
    const HELLO: &[u8] = b"\x13/multistream/1.0.0\n";

    let args = ["--nodes", "4", "--silent", "1", "--dead", "1", "--dns-outage", "60", "--json"];
    let mut cluster = Process::start("cluster", &args, &[]);
    let source = cluster.wait_for(|line| line["event"] == "started")["source"].clone();
    let port = source.as_str().and_then(|source| source.rsplit('/').next()?.parse().ok());
    let port: u16 = port.expect("the source ends in a port");
    cluster.wait_for(|line| line["event"] == "stage");
    let say_hello = |host: u8, patience: Duration| {
        let mut stream = TcpStream::connect((Ipv4Addr::new(127, 77, 0, host), port))?;
        stream.write_all(HELLO)?;
        stream.set_read_timeout(Some(patience))?;
        stream.read_exact(&mut [0; HELLO.len()])
    };
    let silent = say_hello(1, Duration::from_millis(300)).expect_err("it is silent");
    assert!(matches!(silent.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silent}");
    let dead = say_hello(2, Duration::from_secs(60)).expect_err("it is dead");
    assert_eq!(dead.kind(), ErrorKind::ConnectionRefused, "{dead}");
    say_hello(4, Duration::from_secs(60)).expect("it answers");
}

#[test]
fn nobody_believes_in_ids_of_before_a_restart() {
    for more in [&[][..], &["--transport", "quic"], &["--transport", "memory"]] {
        let args = [&["--nodes", "7", "--silent", "1", "--dead", "1", "--restart"], more].concat();
        let (svg, outcome) = drawn(&args);
        assert_passed(&outcome, &[("living", 5), ("joined", 5), ("restarted", 5), ("stale", 0)]);
        let summary = summary(&outcome);
        assert_eq!(summary["kad_stale"], 0, "{summary}");
        assert_eq!(summary["formed"], true, "{summary}");
        // The drawing shows who lives there now: all of them are others than at first.
        let joined = outcome.json.iter().filter(|line| line["event"] == "node_joined");
        let old: BTreeSet<_> = joined.filter_map(|line| line["peer"].as_str()).collect();
        assert_eq!(old.len(), 5, "{outcome:?}");
        let titles = titles(&svg);
        assert_eq!(titles.iter().filter(|title| title.contains("/p2p/")).count(), 5, "{titles:?}");
        let still = old.iter().filter(|old| titles.iter().any(|title| title.contains(*old)));
        assert_eq!(still.count(), 0, "{titles:?}");
    }
}

#[test]
fn nobody_leaves_while_dns_is_silent() {
    for more in [&[][..], &["--select", "fingers", "--records", "srv", "--restart"]] {
        // Long enough for every node to ask, and to ask again.
        let outcome = cluster(&["--nodes", "5", "--dead", "1", "--dns-outage", "6"], more);
        let figures = [("nodes", 6), ("living", 5), ("joined", 5), ("outage_left", 0)];
        assert_passed(&outcome, &figures);
        // How many ask in time depends on the machine.
        let noticed = summary(&outcome)["outage_noticed"].as_u64();
        assert!(noticed.is_some_and(|nodes| nodes >= 1), "{outcome:?}");
        let summary = summary(&outcome);
        let fewest = if more.is_empty() { 4 } else { 1 };
        let selected_by = summary["late_selected_by"].as_u64();
        assert!(selected_by.is_some_and(|n| (fewest..=4).contains(&n)), "{summary}");
        assert_eq!(summary["restarted"].as_u64(), (!more.is_empty()).then_some(5), "{summary}");
        let stage = |stage| {
            let line = outcome.json.iter().find(|line| line["stage"] == stage);
            line.and_then(|line| line["ms"].as_u64()).expect("the stage is told")
        };
        assert!(stage("dns_back") - stage("dns_outage") >= 5_900, "{outcome:?}");
    }
}

#[test]
fn a_trial_that_has_no_time_fails() {
    for more in [&["--restart"][..], &["--dns-outage", "1"]] {
        let outcome = cluster(&["--nodes", "4", "--timeout", "0.001"], more);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let summary = summary(&outcome);
        assert_eq!((&summary["passed"], &summary["stale"]), (&false.into(), &Value::Null));
    }
}

#[test]
fn a_drawing_shows_every_node_and_every_edge() {
    for (more, edges, most) in [
        // Everybody has two, and the two lowest have each other and the third.
        (&["--select", "lowest:2", "--silent", "2", "--dead", "1"][..], 14, 6),
        (&["--select", "all", "--transport", "memory"], 90, 9),
    ] {
        let (svg, outcome) = drawn(&[&["--nodes", "10"], more].concat());
        assert_passed(&outcome, &[("nodes", 10), ("edges", edges), ("in_degree_max", most)]);
        let summary = summary(&outcome);
        for (class, field) in [
            ("node", "nodes"),
            ("living", "living"),
            ("silent", "silent"),
            ("dead", "dead"),
            ("edge", "edges"),
        ] {
            assert_eq!(summary[field], count(&svg, class), "{field} in {summary}");
        }
        let titles = titles(&svg);
        assert_eq!(titles.iter().collect::<BTreeSet<_>>().len(), 10, "{titles:?}");
        let silent = titles.iter().take_while(|title| title.ends_with("silent")).count();
        assert_eq!(summary["silent"], silent, "the lowest are silent: {titles:?}");
        let texts: Vec<_> = svg.all().filter(|e| e.name == "text").map(|e| &*e.text).collect();
        let legend = texts.join("\n");
        assert!(legend.contains(&format!("10 nodes, {edges} edges")), "{legend}");
        assert!(legend.contains(&format!("Largest in-degree: {most}.")), "{legend}");
        assert!(legend.contains(more[1]), "{legend}");
    }
}
