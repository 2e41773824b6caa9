//! What the alerts and the dashboard ask.

use std::{fs, path::Path};

use serde_json::Value;

use super::{RULES, server::JOB};

const DASHBOARD: &str = "examples/prometheus/dashboard.json";

/// Each alert's name and expression.
pub(super) fn of_alerts() -> Vec<(String, String)> {
    let rules: Value = serde_saphyr::from_str(&read(RULES)).expect("it is YAML");
    let groups = rules["groups"].as_array().expect("a list").iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().expect("a list"));
    let alerts: Vec<_> = rules.map(|rule| (text(&rule["alert"]), text(&rule["expr"]))).collect();
    assert!(!alerts.is_empty(), "there is no alert");
    alerts
}

/// Each panel's title and query, as Grafana asks it: for all nodes of the job.
pub(super) fn of_dashboard() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("it is JSON");
    let panels = dashboard["panels"].as_array().expect("a list").iter();
    let panels = panels.filter(|panel| panel["type"] != "row");
    let queries: Vec<_> = panels
        .flat_map(|panel| {
            let targets = panel["targets"].as_array().expect("a list").iter();
            targets.map(|target| (text(&panel["title"]), filled(&text(&target["expr"]))))
        })
        .collect();
    assert!(!queries.is_empty(), "there is no panel");
    queries
}

/// With values in place of the dashboard's variables.
fn filled(expression: &str) -> String {
    // The longer name first: the shorter one is a part of it.
    let values =
        [("$__rate_interval", "10s"), ("$__range", "1m"), ("$instance", ".+"), ("$job", JOB)];
    let filled =
        values.iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value));
    assert!(!filled.contains('$'), "a variable that has no value: {expression}");
    filled
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
