//! The cluster: commands to its API server, and where it keeps things.

use std::{
    env,
    io::Write as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use time::OffsetDateTime;

/// A moment, on the clock of the machine.
pub(crate) type At = OffsetDateTime;

/// How often it is looked whether something has happened.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

pub(crate) fn now() -> At {
    OffsetDateTime::now_utc()
}

/// How long after another moment one is, in seconds.
pub(crate) fn seconds(from: At, to: At) -> f64 {
    (to - from).as_seconds_f64()
}

/// The folder of what was built, and of the cluster that runs.
pub(crate) fn lab() -> PathBuf {
    given("KUBERNETES_LAB")
}

/// The folder of what this program leaves behind.
pub(crate) fn out() -> PathBuf {
    given("KUBERNETES_OUT")
}

/// The program `whois`.
pub(crate) fn whois() -> PathBuf {
    given("KUBERNETES_WHOIS")
}

fn given(variable: &str) -> PathBuf {
    let path = env::var_os(variable);
    path.unwrap_or_else(|| panic!("tests/kubernetes/run says {variable}, and starts this")).into()
}

/// Undoes something when it is dropped, also where a row fails.
pub(crate) struct Undo<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for Undo<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Gives the API server a command, and returns what it prints.
#[track_caller]
pub(crate) fn kubectl(args: &[&str]) -> String {
    let output = Command::new("kubectl")
        .arg("--request-timeout=300s")
        .args(args)
        .output()
        .expect("kubectl starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {}: {error}", args.join(" "));
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

/// The same for a command that asks for objects.
#[track_caller]
pub(crate) fn object(args: &[&str]) -> Value {
    let printed = kubectl(&[args, &["-o", "json"]].concat());
    serde_json::from_str(&printed).expect("it prints JSON")
}

/// Applies an object.
#[track_caller]
pub(crate) fn apply(object: &Value) {
    let mut kubectl = Command::new("kubectl")
        .args(["apply", "--server-side", "--force-conflicts", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("kubectl starts");
    let mut input = kubectl.stdin.take().expect("it was asked for");
    input.write_all(object.to_string().as_bytes()).expect("kubectl reads");
    drop(input);
    assert!(kubectl.wait().is_ok_and(|status| status.success()), "refused: {object}");
}

/// A command that goes on printing objects.
pub(crate) fn follow(args: &[&str]) -> Child {
    let mut command = Command::new("kubectl");
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().expect("kubectl starts")
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until<T>(what: &str, within: Duration, look: impl FnMut() -> Option<T>) -> T {
    until_at(LOOK, what, within, look)
}

/// The same for what takes longer to look at.
#[track_caller]
pub(crate) fn until_at<T>(
    pause: Duration,
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let deadline = now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(now() < deadline, "within {} s not so: {what}", within.as_secs());
        thread::park_timeout(pause);
    }
}

/// Lets time pass where the time itself is what is asked for.
pub(crate) fn pass(time: Duration) {
    let end = now() + time;
    while now() < end {
        thread::park_timeout(LOOK);
    }
}
