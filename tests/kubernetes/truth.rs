//! Whether what nodes say of each other is so.

use std::collections::BTreeMap;

use crate::{
    cluster::{At, seconds},
    lines::{Line, Lines},
    ready::Pod,
};

/// How long after a pod's end the API server may tell this program of it, and how long after a dial a node may
/// tell what came of it, in seconds.
const SLACK: f64 = 1.0;

/// What is known of the pods of a namespace, by their addresses and by their peer ids.
#[derive(Debug)]
pub(crate) struct Truth<'a> {
    pods: &'a BTreeMap<String, Pod>,
    /// Whose peer id it is, and since when the pod listens.
    peers: BTreeMap<&'a str, (&'a str, At)>,
}

impl<'a> Truth<'a> {
    pub(crate) fn of(lines: &'a Lines, pods: &'a BTreeMap<String, Pod>) -> Self {
        let listening = lines.iter().filter(|line| line.is("listening"));
        let mut peers = BTreeMap::new();
        for line in listening {
            peers.entry(line.text("peer")).or_insert((line.pod.as_str(), line.at));
        }
        Self { pods, peers }
    }

    /// What nodes said of others that is not so, and that they reach nobody.
    pub(crate) fn untrue(&self, lines: &Lines) -> Vec<String> {
        let wrong = lines.iter().filter(|line| !self.is_so(line));
        let told = wrong.map(|line| {
            let Line { at, pod, event } = line;
            let event: String = event.to_string().chars().take(300).collect();
            format!("{} ({pod}) at {at}: {event}", self.name(pod))
        });
        told.collect()
    }

    fn is_so(&self, line: &Line) -> bool {
        match line.text("event") {
            "status" => line.text("status") != "isolated",
            "isolated" => false,
            "verified" => self.lives_at(line.text("peer"), line.text("address")),
            "replaced" => self.lives_at(line.text("new"), line.text("address")),
            "departed" => self.was_leaving(self.pod_of(line.text("peer")), line.at),
            "unreachable" => {
                self.at(line.text("address")).all(|pod| self.was_leaving(Some(pod), line.at))
            }
            _ => true,
        }
    }

    fn pod_of(&self, peer: &str) -> Option<&str> {
        self.peers.get(peer).map(|(pod, _)| *pod)
    }

    fn lives_at(&self, peer: &str, address: &str) -> bool {
        let pod = self.pod_of(peer).and_then(|pod| self.pods.get(pod));
        pod.is_some_and(|pod| pod.ips.iter().any(|ip| has(address, ip)))
    }

    /// The pods that listened at an address.
    fn at(&self, address: &str) -> impl Iterator<Item = &str> {
        let pods =
            self.pods.iter().filter(move |(_, pod)| pod.ips.iter().any(|ip| has(address, ip)));
        pods.map(|(id, _)| id.as_str())
    }

    /// Whether a pod was to end before a moment, or listened only then or after it, or is none of these.
    fn was_leaving(&self, pod: Option<&str>, at: At) -> bool {
        let Some((id, pod)) = pod.and_then(|id| self.pods.get_key_value(id)) else { return true };
        let listening = self.peers.values().find(|(own, _)| own == id).map(|(_, since)| *since);
        listening.is_none_or(|since| seconds(since, at) < SLACK)
            || pod.deleted.is_some_and(|deleted| seconds(deleted, at) > -SLACK)
    }

    fn name(&self, pod: &str) -> &str {
        self.pods.get(pod).map_or("", |pod| &pod.name)
    }
}

fn has(address: &str, ip: &str) -> bool {
    address.split('/').any(|part| part == ip)
}
