//! A namespace of Kubernetes with nodes in it, and all that is seen of them.

use std::{
    collections::BTreeMap,
    env, fs,
    io::ErrorKind::{AlreadyExists, NotFound},
    path::{Path, PathBuf},
    process::{self, Command},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::json;

use crate::{
    change::{Change, container},
    cluster::{LOOK, kubectl, lab, out, until, until_at},
    lines::Lines,
    names::Names,
    ready::{Pod, Pods},
};

/// How long anything may take that has no limit of its own: a slow machine is no failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// How often all lines are read.
const SELDOM: Duration = Duration::from_millis(500);

/// A namespace. It is deleted when this is dropped.
#[derive(Debug)]
pub(crate) struct Space {
    name: String,
    pub(crate) names: Names,
    pub(crate) pods: Pods,
    logs: PathBuf,
    over: Arc<AtomicBool>,
    keeping: Option<JoinHandle<()>>,
}

impl Space {
    /// `name` is the beginning of its name: it takes a while until one is free again.
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{name}-{}-{number}", process::id());
        // Beside what they are second names of.
        let logs = lab().join("run/logs").join(&name);
        let _ = fs::remove_dir_all(&logs);
        fs::create_dir_all(&logs).expect("a folder");
        kubectl(&["create", "namespace", &name]);
        let over = Arc::new(AtomicBool::new(false));
        let keeping = thread::spawn({
            let (name, logs, over) = (name.clone(), logs.clone(), Arc::clone(&over));
            move || {
                while !over.load(Ordering::Relaxed) {
                    keep(&name, &logs);
                    thread::park_timeout(LOOK);
                }
            }
        });
        let names = Names::watch(&format!("peers.{name}.svc.cluster.local."));
        let pods = Pods::watch(&name);
        Self { name, names, pods, logs, over, keeping: Some(keeping) }
    }

    /// Applies one of the folders of `examples/kubernetes`, with so many pods, and with changes to what it
    /// makes.
    #[track_caller]
    pub(crate) fn apply(&self, base: &str, count: usize, changes: &[Change]) {
        let folder = out().join("manifests");
        copy_examples(&folder);
        let mut overlay = json!({
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": self.name,
            "resources": [format!("../kubernetes/{base}")],
            "patches": changes.iter().chain(&more_logs()).map(Change::patch).collect::<Vec<_>>(),
        });
        if base != "daemonset" {
            overlay["replicas"] = json!([{ "name": "peer", "count": count }]);
        }
        let own = folder.join(&self.name);
        fs::create_dir_all(&own).expect("a folder");
        fs::write(own.join("kustomization.yaml"), overlay.to_string()).expect("a file");
        kubectl(&[
            "apply",
            "--server-side",
            "--force-conflicts",
            "-k",
            own.to_str().expect("UTF-8"),
        ]);
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A command about this namespace.
    #[track_caller]
    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        kubectl(&[&["-n", &self.name], args].concat())
    }

    /// What its pods have printed so far.
    pub(crate) fn lines(&self) -> Lines {
        keep(&self.name, &self.logs);
        Lines::read(&self.logs)
    }

    /// Waits for something in what the pods print.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, look: impl Fn(&Lines) -> Option<T>) -> T {
        until_at(SELDOM, what, PATIENCE, || look(&self.lines()))
    }

    /// Waits until so many pods live and have said that they have joined; returns their ids.
    #[track_caller]
    pub(crate) fn until_joined(&self, count: usize) -> Vec<String> {
        self.until(&format!("{count} pods have joined"), |lines| {
            let pods: Vec<_> = self.pods.living().into_keys().collect();
            let joined = pods.iter().filter(|pod| lines.became(pod, "joined").is_some()).count();
            (pods.len() == count && joined == count).then_some(pods)
        })
    }

    /// Waits until so many pods have been found ready by kubelet; returns these.
    #[track_caller]
    pub(crate) fn until_ready(&self, count: usize) -> BTreeMap<String, Pod> {
        until(&format!("{count} pods are ready"), PATIENCE, || {
            let mut pods = self.pods.living();
            pods.retain(|_, pod| pod.first_ready.is_some());
            (pods.len() == count).then_some(pods)
        })
    }

    /// Waits until each of these pods has all others in its routing table.
    #[track_caller]
    pub(crate) fn until_tables_are_full(&self, pods: &[String]) {
        let others = pods.len() as u64 - 1;
        self.until("the routing tables are full", |lines| {
            let is_full = |pod| lines.table(pod).is_some_and(|(_, peers)| peers == others);
            pods.iter().all(|pod| is_full(pod)).then_some(())
        });
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(keeping) = self.keeping.take() {
            let _ = keeping.join();
        }
        keep(&self.name, &self.logs);
        // Without a word to the pods: nobody looks any more, and the next row wants the machine.
        for args in [
            &[
                "-n",
                &self.name,
                "delete",
                "statefulsets,deployments,daemonsets",
                "--all",
                "--cascade=orphan",
            ][..],
            &["-n", &self.name, "delete", "pods", "--all", "--force", "--grace-period=0"],
            &["delete", "namespace", &self.name, "--wait=false"],
        ] {
            let _ = Command::new("kubectl").args(args).output();
        }
    }
}

/// What nodes are to log, on stderr beside what they tell, for whom a row puzzles.
fn more_logs() -> Option<Change> {
    let filter = env::var("KUBERNETES_NODE_LOG").ok()?;
    Some(Change::pods().with(&container("env/0/value"), filter.into()))
}

/// Kustomize takes nothing from outside of the folder in which it begins, but for other such folders.
fn copy_examples(to: &Path) {
    let _ = fs::remove_dir_all(to.join("kubernetes"));
    fs::create_dir_all(to).expect("a folder");
    let status = Command::new("cp").args(["-r", "examples/kubernetes"]).arg(to).status();
    assert!(status.is_ok_and(|status| status.success()), "the manifests cannot be copied");
}

/// Kubelet deletes what pods printed when they are gone, so their files get second names.
fn keep(space: &str, logs: &Path) {
    let Ok(pods) = fs::read_dir(lab().join("run/pods")) else { return };
    for pod in pods.flatten() {
        let name = pod.file_name().to_string_lossy().into_owned();
        let mut parts = name.split('_');
        let (Some(of), Some(_), Some(id)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let Ok(files) = fs::read_dir(pod.path().join("node")) else { continue };
        for file in files.flatten().filter(|_| of == space) {
            let number = file.file_name().to_string_lossy().replace(".log", "");
            match fs::hard_link(file.path(), logs.join(format!("{id}.{number}"))) {
                // It has it already, or has just gone.
                Err(error) if matches!(error.kind(), AlreadyExists | NotFound) => {}
                linked => linked.expect("both are in one folder"),
            }
        }
    }
}
