//! What the files for Kubernetes and Docker Compose say, against `node` and against each other.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    http::Site,
    process::run,
    setup::{Dns, text},
};

const KUBERNETES: &str = "examples/kubernetes";
const COMPOSE: &str = "examples/compose.yaml";
const WORKLOADS: [&str; 3] = ["statefulset", "deployment", "daemonset"];
/// How long `node` may take to close its connections after the drain, in seconds.
const FAREWELL: f64 = 1.0;
/// No machine has this address (RFC 5737): whoever is told to listen there ends at once.
const NOBODYS: &str = "/ip4/203.0.113.1/tcp/4001";

#[test]
fn the_program_takes_every_argument() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    for (place, args) in [("pod", pod_args(dir.path())), ("compose", texts(&node()["command"]))] {
        let listen = ["--listen", NOBODYS].map(str::to_owned);
        // A container's ports are its own, and those of this machine may be taken.
        let args = args.iter().map(|arg| arg.replace("0.0.0.0:8080", "127.0.0.1:0"));
        let all: Vec<_> = args.chain(listen).collect();
        let outcome = run("node", &all.iter().map(String::as_str).collect::<Vec<_>>());
        // Bad use would be 2.
        assert_eq!(outcome.code, Some(1), "{place}: {outcome:?}");
        outcome.assert_one_sentence(NOBODYS);
    }
}

/// The arguments as kubelet gives them, with volumes in a folder.
fn pod_args(root: &Path) -> Vec<String> {
    let container = container();
    let env = container["env"].as_array().expect("a list").iter();
    let names: Vec<_> = env.map(|env| format!("$({})", text(&env["name"]))).collect();
    let mounts = container["volumeMounts"].as_array().expect("a list").iter();
    let mounts: Vec<_> = mounts.map(|mount| text(&mount["mountPath"])).collect();
    let root = root.to_str().expect("the path is UTF-8");
    let given = |arg: String| {
        let arg = names.iter().fold(arg, |arg, name| arg.replace(name, "default"));
        let arg = mounts.iter().fold(arg, |arg, mount| arg.replace(mount, root));
        assert!(!arg.contains("$("), "nothing gives the value in {arg}");
        arg
    };
    texts(&container["args"]).into_iter().map(given).collect()
}

/// DNS does not name it before it is ready, and nobody else.
#[cfg(unix)]
#[test]
fn the_first_pod_becomes_ready_and_leaves() {
    let dns = Dns::start();
    let dir = tempfile::tempdir().expect("a directory can be made");
    let args =
        pod_args(dir.path()).into_iter().map(|arg| arg.replace("0.0.0.0:8080", "127.0.0.1:0"));
    let here = ["--listen", "/ip4/127.0.0.1/tcp/0", "--dns", &dns.address()].map(str::to_owned);
    let args: Vec<_> = args.chain(here).collect();
    let site = Site::bare(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(site.get("/livez").code, 200);
    assert_eq!(site.until("/readyz", |reply| reply.code == 200).body, "alone\n");
    site.node.process.signal("TERM");
    site.until("/readyz", |reply| reply.body.starts_with("leaving") && reply.code == 503);
    assert_eq!(site.node.process.finish().code, Some(0));
}

#[test]
fn everything_selects_the_pods() {
    let template = &pod()["spec"]["template"];
    let labels = &template["metadata"]["labels"];
    let policy = one("base/network-policy.yaml");
    let rules = [&policy["spec"]["ingress"][0]["from"], &policy["spec"]["egress"][0]["to"]];
    for (place, selector) in [
        ("workload", &pod()["spec"]["selector"]["matchLabels"]),
        ("Service", &one("base/service.yaml")["spec"]["selector"]),
        ("budget", &one("base/disruption-budget.yaml")["spec"]["selector"]["matchLabels"]),
        ("policy", &policy["spec"]["podSelector"]["matchLabels"]),
        ("policy, in", &rules[0][0]["podSelector"]["matchLabels"]),
        ("policy, out", &rules[1][0]["podSelector"]["matchLabels"]),
        ("PodMonitor", &one("podmonitor/podmonitor.yaml")["spec"]["selector"]["matchLabels"]),
    ] {
        assert_eq!(selector, labels, "{place}");
        assert!(selector.is_object(), "{place}");
    }
    for workload in WORKLOADS {
        let own = one(&format!("{workload}/{workload}.yaml"));
        assert_eq!(own["metadata"]["name"], pod()["metadata"]["name"], "{workload}");
    }
}

#[test]
fn every_port_is_one_of_the_pods() {
    let container = container();
    let ports = container["ports"].as_array().expect("a list");
    let find = |name: &Value| {
        let port = ports.iter().find(|port| port["name"] == *name);
        port.unwrap_or_else(|| panic!("no port is called {name}"))
    };
    let service = one("base/service.yaml");
    let p2p = &service["spec"]["ports"][0];
    assert_eq!(p2p["port"], find(&p2p["targetPort"])["containerPort"], "nothing is translated");
    let policy = one("base/network-policy.yaml");
    // But for DNS, which is the last one on the way out.
    let [egress @ .., dns] = list(&policy["spec"]["egress"]) else { panic!("no rule for DNS") };
    for rule in list(&policy["spec"]["ingress"]).iter().chain(egress) {
        for port in list(&rule["ports"]) {
            let is_it = ports.iter().any(|own| {
                own["protocol"] == port["protocol"] && own["containerPort"] == port["port"]
            });
            assert!(is_it, "no container has {port}");
        }
    }
    assert_eq!(
        dns["ports"],
        json!([
            { "protocol": "UDP", "port": 53 },
            { "protocol": "TCP", "port": 53 },
        ])
    );

    let http = argument(&container["args"], "--http");
    let (_, http) = http.rsplit_once(':').expect("a port");
    assert_eq!(find(&json!("http"))["containerPort"].to_string(), http);
    let annotations = &pod()["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(annotations["prometheus.io/port"], http);
    for (probe, path) in [("readinessProbe", "/readyz"), ("livenessProbe", "/livez")] {
        let get = &container[probe]["httpGet"];
        assert_eq!((&get["port"], &get["path"]), (&json!("http"), &json!(path)), "{probe}");
    }
    let monitor = one("podmonitor/podmonitor.yaml");
    let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
    assert_eq!(endpoint["path"], annotations["prometheus.io/path"]);
    assert_eq!(endpoint["port"], "http");
}

#[test]
fn the_source_is_the_service() {
    let service = one("base/service.yaml");
    assert_eq!(service["spec"]["clusterIP"], "None");
    assert_eq!(service["spec"]["publishNotReadyAddresses"], true);
    let name = text(&service["metadata"]["name"]);
    let port = &service["spec"]["ports"][0]["port"];
    let wanted = format!("/dns/{name}.$(POD_NAMESPACE).svc.cluster.local./tcp/{port}");
    assert_eq!(argument(&container()["args"], "--source"), wanted);
    assert_eq!(one("statefulset/statefulset.yaml")["spec"]["serviceName"], json!(name));

    let compose = one_of(Path::new(COMPOSE));
    let services = compose["services"].as_object().expect("an object");
    assert_eq!(services.keys().collect::<Vec<_>>(), ["node"]);
    assert_eq!(argument(&node()["command"], "--source"), "/dns/node./tcp/4001");
    let published = text(&node()["ports"][0]);
    let http = argument(&node()["command"], "--http");
    assert_eq!(published.rsplit_once(':').map(|(_, port)| port), http.strip_prefix("0.0.0.0:"));
    assert_eq!(node()["hostname"], Value::Null);
}

#[test]
fn a_node_is_given_the_time_to_drain() {
    let container = container();
    let number = |value: &Value| value.as_f64().expect("a number");
    let drain = |args| argument(args, "--drain").parse::<f64>().expect("a number");
    let in_pod = drain(&container["args"]);
    let grace = number(&pod()["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]);
    assert!(grace > in_pod + FAREWELL, "{grace} s for a drain of {in_pod} s");
    // The probe that tells of it has come back before the drain is over.
    let probe = &container["readinessProbe"];
    let seen = number(&probe["periodSeconds"]) * number(&probe["failureThreshold"])
        + number(&probe["timeoutSeconds"]);
    assert!(seen < in_pod, "it takes {seen} s until kubelet knows, and the drain {in_pod} s");

    let grace = text(&node()["stop_grace_period"]);
    let grace: f64 = grace.strip_suffix('s').and_then(|s| s.parse().ok()).expect("seconds");
    assert!(grace > drain(&node()["command"]) + FAREWELL);
}

#[test]
fn the_pod_has_no_privilege() {
    let spec = &pod()["spec"]["template"]["spec"];
    assert_eq!(spec["automountServiceAccountToken"], false);
    assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
    assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let own = &container()["securityContext"];
    assert_eq!(own["allowPrivilegeEscalation"], false);
    assert_eq!(own["readOnlyRootFilesystem"], true);
    assert_eq!(own["capabilities"], json!({ "drop": ["ALL"] }));
    // What may be written is the volume of the key.
    let key = argument(&container()["args"], "--key");
    assert!(key.starts_with(&text(&container()["volumeMounts"][0]["mountPath"])), "{key}");
    assert_eq!(container()["volumeMounts"][0]["name"], spec["volumes"][0]["name"]);

    let dockerfile = std::fs::read_to_string(root().join("examples/Dockerfile")).expect("a file");
    let user = format!("USER {0}:{0}", spec["securityContext"]["runAsUser"]);
    assert!(dockerfile.lines().any(|line| line == user), "the image runs as another user");
}

#[test]
fn kustomize_fills_every_template() {
    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        eprintln!("left out: what `kubectl kustomize` makes of the manifests: it is not here");
        return;
    }
    for workload in WORKLOADS {
        let folder = root().join(KUBERNETES).join(workload);
        let built = Command::new("kubectl").arg("kustomize").arg(&folder).output();
        let built = built.expect("it was here");
        let stderr = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success() && stderr.is_empty(), "{workload}: {stderr}");
        let objects = documents(&String::from_utf8_lossy(&built.stdout));
        let filled = objects.iter().find(|object| {
            object["kind"].as_str().is_some_and(|kind| kind.to_lowercase() == workload)
        });
        let spec = &filled.unwrap_or_else(|| panic!("no {workload}"))["spec"];
        let own = one(&format!("{workload}/{workload}.yaml"));
        assert_eq!(spec["replicas"], own["spec"]["replicas"], "{workload}");
        assert_eq!(spec["selector"], pod()["spec"]["selector"], "{workload}");
        let built = &spec["template"]["spec"]["containers"][0];
        assert_eq!(built["args"], container()["args"], "{workload}");
        // The parts of a set that cannot be counted have no budget.
        let has_budget = objects.iter().any(|object| object["kind"] == "PodDisruptionBudget");
        assert_eq!(has_budget, workload != "daemonset", "{workload}");
    }
}

fn pod() -> Value {
    one("pod/pod.yaml")
}

/// The container of the pod.
fn container() -> Value {
    let spec = &pod()["spec"]["template"]["spec"];
    assert_eq!(list(&spec["containers"]).len(), 1);
    spec["containers"][0].clone()
}

/// The service of the Compose file.
fn node() -> Value {
    one_of(Path::new(COMPOSE))["services"]["node"].clone()
}

/// The value of a flag, written as `--flag=value`.
fn argument(args: &Value, flag: &str) -> String {
    let given = texts(args);
    let mut values = given.iter().filter_map(|arg| arg.strip_prefix(flag)?.strip_prefix('='));
    let value = values.next().unwrap_or_else(|| panic!("no {flag} in {args}"));
    assert_eq!(values.next(), None, "{flag} is there twice");
    value.to_owned()
}

fn one(path: &str) -> Value {
    one_of(&Path::new(KUBERNETES).join(path))
}

/// What a file with one document says.
fn one_of(path: &Path) -> Value {
    let text = std::fs::read_to_string(root().join(path));
    let mut documents = documents(&text.unwrap_or_else(|error| panic!("{path:?}: {error}")));
    assert_eq!(documents.len(), 1, "{path:?}");
    documents.remove(0)
}

fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).expect("it is YAML")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn texts(value: &Value) -> Vec<String> {
    list(value).iter().map(text).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
