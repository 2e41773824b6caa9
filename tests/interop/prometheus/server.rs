//! A Prometheus that scrapes nodes and goes by the rules.

use std::{fs, net::SocketAddr, path::Path, process::Command, thread, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::{PROMETHEUS, RULES, promtool, watched::get};
use crate::{
    program::{PATIENCE, Program},
    suite::Answer,
};

pub(super) const JOB: &str = "nodes";
/// How often it is asked for what is not there yet.
const LOOK: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    _program: Program,
    _folder: TempDir,
}

impl Server {
    pub(super) fn start(targets: &[SocketAddr]) -> Result<Self, Answer> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let config = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": [Path::new(env!("CARGO_MANIFEST_DIR")).join(RULES)],
            "scrape_configs": [{ "job_name": JOB, "static_configs": [{ "targets": targets }] }],
        });
        // What is JSON is YAML.
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config.to_string()).expect("it can be written");
        // Its log goes to stderr; here, lines are read from stdout.
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec "$0" "$@" 2>&1"#]).arg(PROMETHEUS.find()?);
        command.arg("--config.file").arg(&file);
        command.arg("--storage.tsdb.path").arg(folder.path().join("data"));
        command.args(["--web.listen-address", "127.0.0.1:0", "--log.format", "json"]);
        let program = Program::start("prometheus", &mut command);
        let listens = program.wait_for("where it listens", |line| line["msg"] == "Listening on");
        let address = listens["address"].as_str().and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("no address: {listens}"));
        let is_ready = |line: &Value| {
            line["msg"].as_str().is_some_and(|text| text.starts_with("Server is ready"))
        };
        program.wait_for("it is ready", is_ready);
        Ok(Self { address, _program: program, _folder: folder })
    }

    /// What an expression gives now: as many series as there are elements. An error is a failure of
    /// what asks.
    #[track_caller]
    pub(super) fn query(&self, what: &str, expression: &str) -> Result<Vec<Value>, Answer> {
        let url = format!("http://{}", self.address);
        let told = promtool(&["query", "-o", "json", "instant", &url, expression])?;
        let series: Value = serde_json::from_str(&told)
            .unwrap_or_else(|error| panic!("{what}: {error} in {told:?}, for {expression}"));
        Ok(series.as_array().unwrap_or_else(|| panic!("{what}: {series}")).clone())
    }

    /// Waits until an expression gives a series.
    #[track_caller]
    pub(super) fn until(&self, what: &str, expression: &str) -> Result<(), Answer> {
        let deadline = Instant::now() + PATIENCE;
        while self.query(what, expression)?.is_empty() {
            assert!(Instant::now() < deadline, "{what}: nothing comes of {expression}");
            thread::park_timeout(LOOK);
        }
        Ok(())
    }

    /// How many rules there are, once each was evaluated, without an error.
    pub(super) fn rules_that_ran(&self) -> usize {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told: Value =
                serde_json::from_str(&get(self.address, "/api/v1/rules")).expect("JSON");
            let groups = told["data"]["groups"].as_array().expect("a list").iter();
            let rules: Vec<_> =
                groups.flat_map(|group| group["rules"].as_array().expect("a list")).collect();
            let failed = rules.iter().find(|rule| rule["health"] == "err");
            assert!(failed.is_none(), "a rule fails: {failed:?}");
            if !rules.is_empty() && rules.iter().all(|rule| rule["health"] == "ok") {
                return rules.len();
            }
            assert!(Instant::now() < deadline, "some rules do not run: {told}");
            thread::park_timeout(LOOK);
        }
    }
}
