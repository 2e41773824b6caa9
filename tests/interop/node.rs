//! Programs that are members of a network, in whatever language: what they say of themselves.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{program::Program, tools::Tool};

/// This project's example.
pub(crate) const NODE: Tool = Tool { name: "node", needs: "`cargo build --examples`" };
pub(crate) const WHOIS: Tool = Tool { name: "whois", needs: "`cargo build --examples`" };

/// The Kademlia protocol of what is not to be in any other network.
pub(crate) const NETWORK: &str = "/interop/kad/1.0.0";

impl Program {
    /// The id that a member prints of itself, once it listens.
    #[track_caller]
    pub(crate) fn peer(&self) -> String {
        let listening = self.wait_for("it listens", |line| line["event"] == "listening");
        text(&listening["peer"])
    }

    /// Waits until a node has joined.
    #[track_caller]
    pub(crate) fn joins(&self) {
        self.wait_for("it joins", |line| line["event"] == "status" && line["status"] == "joined");
    }

    /// Waits for an event of a kind.
    #[track_caller]
    pub(crate) fn event(&self, kind: &str) -> Value {
        self.wait_for(kind, |line| line["event"] == kind)
    }
}

/// Whether a node has told that another peer has taken an address over: at once, or after it had found
/// that nobody was there for a moment.
pub(crate) fn is_taken_over(lines: &[Value], address: &str, old: &str, new: &str) -> bool {
    let has = |event: &str, wanted: &[(&str, &str)]| {
        let is = |line: &Value| wanted.iter().all(|(field, value)| line[*field] == **value);
        lines.iter().any(|line| line["event"] == event && is(line))
    };
    has("replaced", &[("old", old), ("new", new)])
        || has("unreachable", &[("address", address)])
            && has("verified", &[("address", address), ("peer", new)])
}

/// What a node knows, as far as its events tell.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) status: String,
    /// The address of each verified peer, and its id.
    pub(crate) peers: BTreeMap<String, String>,
}

impl Known {
    pub(crate) fn of(lines: &[Value]) -> Self {
        let mut known = Self::default();
        for line in lines {
            known.learn(line);
        }
        known
    }

    fn learn(&mut self, line: &Value) {
        let address = || text(&line["address"]);
        match line["event"].as_str() {
            Some("status") => self.status = text(&line["status"]),
            Some("verified") => {
                self.peers.insert(address(), text(&line["peer"]));
            }
            Some("replaced") => {
                self.peers.insert(address(), text(&line["new"]));
            }
            Some("departed" | "unreachable") => {
                self.peers.remove(&address());
            }
            _ => {}
        }
    }

    pub(crate) fn is_joined(&self) -> bool {
        self.status == "joined"
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
