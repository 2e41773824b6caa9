//! The alerts and the dashboard in `examples/prometheus/`, at a Prometheus that scrapes nodes.

use crate::{
    suite::{Answer, Story, Suite, When},
    tools::Tool,
};

mod expressions;
mod server;
mod watched;

const PART: &str = "Prometheus";
const RULES: &str = "examples/prometheus/rules.yaml";
const UNIT_TESTS: &str = "examples/prometheus/rules.test.yaml";
const PROMTOOL: Tool = Tool { name: "promtool", needs: "Debian's `prometheus`" };
const PROMETHEUS: Tool = Tool { name: "prometheus", needs: "Debian's `prometheus`" };

const WATCHED: [&str; 6] = [
    "`promtool check metrics`",
    "scraped",
    "its rules run",
    "an isolated node is told",
    "each alert's expression",
    "each panel has a series",
];

pub(crate) fn add(suite: &mut Suite) {
    for (row, command, file) in
        [("alert rules", "check", RULES), ("unit tests of the alerts", "test", UNIT_TESTS)]
    {
        suite.ask(PART, row, "`promtool`", When::Always, move || {
            promtool(&[command, "rules", file]).map_or_else(|why| why, |_| Answer::Pass)
        });
    }
    suite.follow(PART, "three nodes, and an isolated one", &WATCHED, When::Always, |story| {
        if let Err(why) = watched(story) {
            story.give_up(&why);
        }
    });
}

/// Runs it in the folder of the project, to its end; it has to succeed.
#[track_caller]
fn promtool(args: &[&str]) -> Result<String, Answer> {
    let mut command = PROMTOOL.command()?;
    let ran = command.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let ran = ran.expect("it starts");
    let stdout = String::from_utf8_lossy(&ran.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "promtool {args:?}: {stdout}{stderr}");
    Ok(stdout)
}

fn watched(story: &mut Story) -> Result<(), Answer> {
    PROMTOOL.find()?;
    PROMETHEUS.find()?;
    let nodes = watched::Nodes::start()?;
    watched::check_metrics(&nodes)?;
    story.tell(Answer::Pass);

    let server = server::Server::start(&nodes.addresses())?;
    server.until("all are scraped", "count(up == 1) == 4")?;
    server.until("all have joined", r#"sum(libp2p_dns_discovery_status{status="joined"}) == 3"#)?;
    story.tell(Answer::Pass);

    let rules = server.rules_that_ran();
    story.tell(Answer::PassWith(format!("{rules} rules, each evaluated without an error")));

    // Of those that wait for a minute, too.
    server.until("the alert", r#"ALERTS{alertname="DnsDiscoveryIsolated"}"#)?;
    story.tell(Answer::Pass);

    for (alert, expression) in expressions::of_alerts() {
        server.query(&alert, &expression)?;
    }
    story.tell(Answer::Pass);

    let panels = expressions::of_dashboard();
    for (panel, expression) in &panels {
        server.until(panel, expression)?;
    }
    story.tell(Answer::PassWith(format!("{} panels", panels.len())));
    Ok(())
}
