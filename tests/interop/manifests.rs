//! The files in `examples/` for Kubernetes, Docker Compose, Docker and Grafana, read by what these read them
//! by.

use std::{fs, os::unix::fs::symlink, path::PathBuf, process::Command};

use serde_json::{Value, json};

use crate::{
    suite::{Answer, Suite, When},
    tools::Tool,
};

const PART: &str = "Manifest";
const SCHEMAS: Tool = Tool { name: "schemas", needs: "Go" };
const COLUMN: &str = "built, each field known";

pub(crate) fn add(suite: &mut Suite) {
    for (workload, kinds) in [
        ("StatefulSet", &["NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "Service"][..]),
        ("Deployment", &["NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "Service"]),
        ("DaemonSet", &["NetworkPolicy", "PodMonitor", "Service"]),
    ] {
        suite.ask(PART, &format!("Kubernetes: {workload}"), COLUMN, When::Always, move || {
            told(kubernetes(workload, kinds))
        });
    }
    suite.ask(PART, "Docker Compose", COLUMN, When::Always, || told(compose()));
    suite.ask(PART, "Dockerfile", COLUMN, When::Always, || told(dockerfile()));
    suite.ask(PART, "Grafana's dashboard", COLUMN, When::Always, || {
        told(
            read("dashboard", root().join("examples/prometheus/dashboard.json"))
                .map(|_| Answer::Pass),
        )
    });
    suite.ask(PART, "Dockerfile", "its program runs alone", When::InFull, || told(image()));
}

fn told(outcome: Result<Answer, Answer>) -> Answer {
    outcome.unwrap_or_else(|cannot| cannot)
}

/// Builds a workload with all components, and reads each object by its type.
fn kubernetes(workload: &str, kinds: &[&str]) -> Result<Answer, Answer> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    // A kustomization names others by relative paths only.
    let depth = folder.path().canonicalize().expect("it is there").components().count();
    let up = PathBuf::from("../".repeat(depth - 1));
    let examples = root().join("examples/kubernetes");
    let examples = up.join(examples.strip_prefix("/").expect("an absolute path"));
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [examples.join(workload.to_lowercase())],
        "components": [examples.join("podmonitor")],
    });
    // What is JSON is YAML.
    let file = folder.path().join("kustomization.yaml");
    fs::write(file, kustomization.to_string()).expect("it can be written");
    let objects = read("kustomize", folder.path().to_path_buf())?;
    let mut built: Vec<_> = objects.iter().map(|object| object["kind"].as_str()).collect();
    let mut wanted: Vec<_> = kinds.iter().map(|kind| Some(*kind)).collect();
    wanted.push(Some(workload));
    built.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(built, wanted);

    let made = objects.iter().find(|object| object["kind"] == workload).expect("just seen");
    let port = &made["spec"]["template"]["spec"]["containers"][0]["ports"][0];
    assert_eq!(port["hostPort"].is_u64(), workload == "DaemonSet", "{port}");
    Ok(Answer::Pass)
}

fn compose() -> Result<Answer, Answer> {
    let project = &read("compose", root().join("examples/compose.yaml"))?[0];
    let build = &project["services"]["node"]["build"];
    assert_eq!(build["context"], json!(root()));
    assert!(root().join(build["dockerfile"].as_str().expect("a path")).is_file());
    Ok(Answer::Pass)
}

fn dockerfile() -> Result<Answer, Answer> {
    let stages = read("dockerfile", root().join("examples/Dockerfile"))?;
    let last = stages.last().expect("there is a stage");
    assert_eq!(last["from"], "scratch");
    let commands = &last["commands"];
    assert_eq!(commands["ENTRYPOINT"]["CmdLine"], json!([commands["COPY"]["DestPath"]]));
    Ok(Answer::Pass)
}

/// Runs what the Dockerfile runs, with no more than the files that it gets, and then the program, with no
/// file beside it and as nobody.
fn image() -> Result<Answer, Answer> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (source, out) = (folder.path().join("src"), folder.path().join("out"));
    for path in read("context", root())? {
        let path = path.as_str().expect("a path");
        let copy = source.join(path);
        fs::create_dir_all(copy.parent().expect("it is in a folder")).expect("it can be made");
        fs::copy(root().join(path), copy).expect("it can be copied");
    }
    // As the Dockerfile has it, in a cache.
    let cache = root().join("target/interop/image");
    fs::create_dir_all(&cache).expect("it can be made");
    symlink(cache, source.join("target")).expect("it can be linked");

    let stages = read("dockerfile", root().join("examples/Dockerfile"))?;
    let run = stages[0]["commands"]["RUN"]["CmdLine"][0].as_str().expect("a command");
    let run = run.replace("/out", out.to_str().expect("it is UTF-8"));
    let built = Command::new("sh").args(["-euc", &run]).current_dir(&source).output();
    let built = built.expect("it starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let size = fs::metadata(out.join("node")).expect("it is there").len() / 1_000_000;
    let mut alone = Command::new("chroot");
    let help = alone.arg("--userspec=65532:65532").arg(&out).args(["/node", "--help"]).output();
    let help = help.expect("it starts");
    let help = (help.status, String::from_utf8_lossy(&help.stdout).into_owned());
    assert!(help.0.success() && help.1.contains("--source"), "{help:?}");
    Ok(Answer::PassWith(format!("{size} MB, and nothing else is in the image")))
}

/// What is read, one value for each line.
fn read(how: &str, path: PathBuf) -> Result<Vec<Value>, Answer> {
    let read = SCHEMAS.command()?.arg(how).arg(&path).output().expect("it starts");
    let stderr = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{how}: {stderr}");
    let stdout = String::from_utf8(read.stdout).expect("it is UTF-8");
    let lines = stdout.lines().map(|line| serde_json::from_str(line).expect("it is JSON"));
    let lines: Vec<_> = lines.collect();
    assert!(!lines.is_empty(), "{how} {path:?} reads nothing");
    Ok(lines)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
