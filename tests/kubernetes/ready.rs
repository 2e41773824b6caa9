//! Which pods kubelet finds ready, as the API server tells it.

use std::{
    collections::BTreeMap,
    process::Child,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use serde_json::{Deserializer, Value};
use time::format_description::well_known::Rfc3339;

use crate::cluster::{At, follow, now};

/// What is known of a pod.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) ips: Vec<String>,
    /// Since when it has been ready without a pause.
    pub(crate) ready: Option<At>,
    /// When it was ready for the first time.
    pub(crate) first_ready: Option<At>,
    /// When somebody wanted it to end.
    pub(crate) deleted: Option<At>,
    pub(crate) gone: Option<At>,
    pub(crate) restarts: u64,
    /// Why its container ended last.
    pub(crate) ended: String,
}

/// Follows the pods of a namespace until it is dropped.
#[derive(Debug)]
pub(crate) struct Pods {
    kubectl: Child,
    pods: Arc<Mutex<BTreeMap<String, Pod>>>,
}

impl Pods {
    pub(crate) fn watch(space: &str) -> Self {
        let mut kubectl =
            follow(&["-n", space, "get", "pods", "--watch", "--output-watch-events", "-o", "json"]);
        let printed = kubectl.stdout.take().expect("it was asked for");
        let pods = Arc::<Mutex<BTreeMap<_, _>>>::default();
        let known = Arc::clone(&pods);
        thread::spawn(move || {
            // It ends with what prints.
            for change in
                Deserializer::from_reader(printed).into_iter::<Value>().map_while(Result::ok)
            {
                note(&mut known.lock().unwrap_or_else(PoisonError::into_inner), &change);
            }
        });
        Self { kubectl, pods }
    }

    /// By their ids.
    pub(crate) fn all(&self) -> BTreeMap<String, Pod> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those that nobody has asked to end.
    pub(crate) fn living(&self) -> BTreeMap<String, Pod> {
        self.all()
            .into_iter()
            .filter(|(_, pod)| pod.deleted.is_none() && pod.gone.is_none())
            .collect()
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}

fn note(pods: &mut BTreeMap<String, Pod>, change: &Value) {
    let (meta, status) = (&change["object"]["metadata"], &change["object"]["status"]);
    let Some(id) = meta["uid"].as_str() else { return };
    let pod = pods.entry(id.to_owned()).or_default();
    pod.name = meta["name"].as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let ips: Vec<_> = list(&status["podIPs"])
        .iter()
        .filter_map(|ip| Some(ip["ip"].as_str()?.to_owned()))
        .collect();
    if !ips.is_empty() {
        pod.ips = ips;
    }
    let is_ready = list(&status["conditions"])
        .iter()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    if is_ready {
        pod.ready.get_or_insert_with(now);
        pod.first_ready.get_or_insert_with(now);
    } else {
        pod.ready = None;
    }
    if let Some(at) = meta["deletionTimestamp"].as_str() {
        // It says when the pod has to be gone.
        let grace = meta["deletionGracePeriodSeconds"].as_i64().unwrap_or_default();
        let end = At::parse(at, &Rfc3339).expect("a time");
        pod.deleted.get_or_insert(end - time::Duration::seconds(grace));
    }
    if change["type"] == "DELETED" {
        pod.deleted.get_or_insert_with(now);
        pod.gone.get_or_insert_with(now);
    }
    for container in list(&status["containerStatuses"]) {
        pod.restarts = container["restartCount"].as_u64().unwrap_or_default();
        if let Some(reason) = container["lastState"]["terminated"]["reason"].as_str() {
            pod.ended = reason.to_owned();
        }
    }
}
