//! The alerts and the dashboard in `examples/prometheus/`. The interop suite asks them of a real
//! Prometheus.

use std::{collections::BTreeSet, fs, path::Path};

use libp2p::PeerId;
use libp2p_dns_discovery::{Behaviour, Config, Failure, resolver::zone::Zone};
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde_json::Value;

use crate::setup::text;

const RULES: &str = "examples/prometheus/rules.yaml";
const UNIT_TESTS: &str = "examples/prometheus/rules.test.yaml";
const DASHBOARD: &str = "examples/prometheus/dashboard.json";
/// How wide a dashboard is, in Grafana's columns.
const WIDTH: u64 = 24;
const PREFIX: &str = "libp2p_dns_discovery";

#[test]
fn every_series_and_label_is_one_that_nodes_tell() {
    let told = Told::by_a_node();
    for file in [RULES, UNIT_TESTS, DASHBOARD] {
        // As JSON has them in a text.
        let text = read(file).replace("\\\"", "\"");
        let names = words_after(&text, PREFIX).map(|rest| format!("{PREFIX}{rest}"));
        let unknown: BTreeSet<_> = names.filter(|name| !told.names.contains(name)).collect();
        assert!(unknown.is_empty(), "{file} has series that nobody tells: {unknown:?}");
        let mut seen = 0;
        for label in ["event", "outcome", "purpose", "status"] {
            for value in values_of(&text, label) {
                let pair = format!("{label}=\"{value}\"");
                assert!(told.text.contains(&pair), "{file}: nobody tells {pair}");
                seen += 1;
            }
        }
        assert!(seen > 5, "{file}: only {seen} values are seen");
    }
}

/// What a node tells Prometheus.
struct Told {
    names: BTreeSet<String>,
    text: String,
}

impl Told {
    fn by_a_node() -> Self {
        let mut registry = Registry::default();
        let mut node = Behaviour::new(Zone::default(), Config::new(), PeerId::random());
        node.register_metrics(registry.sub_registry_with_prefix(PREFIX));
        let mut text = String::new();
        encode(&mut text, &registry).expect("a text takes all");
        // `# TYPE NAME KIND`, also of what has no series yet.
        let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let name = |(name, kind): (&str, &str)| match kind {
            "counter" => format!("{name}_total"),
            _ => name.to_owned(),
        };
        Self { names: kinds.map(name).collect(), text }
    }
}

/// The rest of each word that begins so.
fn words_after<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(start).map(move |(at, _)| {
        let rest = &text[at + start.len()..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

/// The values that a label is compared with: `LABEL="VALUE"`, `LABEL=~"VALUE|VALUE"`.
fn values_of<'a>(text: &'a str, label: &'a str) -> impl Iterator<Item = &'a str> {
    let compared = text.match_indices(label).filter_map(move |(at, _)| {
        let rest = &text[at + label.len()..];
        let operators = ["=\"", "=~\"", "!=\"", "!~\""];
        let values = operators.iter().find_map(|operator| rest.strip_prefix(operator))?;
        values.split('"').next()
    });
    compared.flat_map(|values| values.split('|'))
}

#[test]
fn each_alert_says_what_is_wrong_and_where_to_look() {
    let rules: Value = serde_saphyr::from_str(&read(RULES)).expect("it is YAML");
    let groups = list(&rules["groups"]).iter();
    let mut names = BTreeSet::new();
    for rule in groups.flat_map(|group| list(&group["rules"])) {
        let name = text(&rule["alert"]);
        assert!(names.insert(name.clone()), "{name} is there twice");
        let severity = text(&rule["labels"]["severity"]);
        assert!(["critical", "warning"].contains(&&*severity), "{name}: {severity}");
        let annotations = &rule["annotations"];
        if name == "DnsDiscoveryIsolated" {
            // In the words in which nodes say them.
            let description = text(&annotations["description"]);
            for (reason, words) in [
                (Failure::TimedOut, "no answer in time"),
                (Failure::SameKey, "another node holds our key"),
            ] {
                assert!(reason.to_string().contains(words), "{reason}");
                assert!(description.contains(words), "{description}");
            }
        }
        assert!(text(&annotations["summary"]).contains("{{ $labels."), "{name} says not which");
        assert!(text(&annotations["description"]).contains("Look at "), "{name}");
    }
    // What is tried, and what is not, is in the unit tests of the rules.
    let tests = read(UNIT_TESTS);
    let untried: Vec<_> = names.iter().filter(|name| !tests.contains(*name)).collect();
    assert!(untried.is_empty(), "without a unit test: {untried:?}");
}

#[test]
fn each_panel_has_a_query_a_unit_and_a_description() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("it is JSON");
    let panels = list(&dashboard["panels"]);
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len(), "two panels have one id");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let title = text(&panel["title"]);
        assert!(!text(&panel["description"]).is_empty(), "{title}");
        assert!(!text(&panel["fieldConfig"]["defaults"]["unit"]).is_empty(), "{title}");
        assert!(!list(&panel["targets"]).is_empty(), "{title}");
        for target in list(&panel["targets"]) {
            assert!(!text(&target["expr"]).is_empty(), "{title}");
            assert!(!text(&target["legendFormat"]).is_empty(), "{title}");
        }
    }
    let rows: Vec<_> = panels.iter().filter(|panel| panel["type"] == "row").collect();
    let rows: Vec<_> = rows.iter().map(|row| text(&row["title"])).collect();
    let wanted = ["Status", "Candidates, verified, selected", "Look-ups", "Dials", "Events"];
    assert_eq!(rows, wanted);
}

#[test]
fn panels_lie_side_by_side() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("it is JSON");
    let mut taken = BTreeSet::new();
    for panel in list(&dashboard["panels"]) {
        let [x, y, w, h] =
            ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().expect("a number"));
        assert!(w > 0 && h > 0 && x + w <= WIDTH, "{panel}");
        for cell in (y..y + h).flat_map(|y| (x..x + w).map(move |x| (x, y))) {
            assert!(taken.insert(cell), "{} lies on another panel", panel["title"]);
        }
    }
    let height = taken.iter().map(|(_, y)| y + 1).max().expect("there is a panel");
    assert_eq!(taken.len() as u64, height * WIDTH, "there are holes");
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}
