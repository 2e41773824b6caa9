//! Tests in a network namespace of their own, which reaches nothing but itself.

use std::{
    env,
    process::{Command, Output},
};

/// Says to a test that it runs in its namespace.
const INSIDE: &str = "IN_A_NETWORK_NAMESPACE";

/// Whether the test of this name is to go on: it runs in a namespace of its own, whose only
/// interface is the loopback one. Otherwise it is run there, once, and has to pass.
///
/// Where a namespace cannot be had, the test is skipped and says so; with `NAMESPACES=required` it
/// fails.
pub(crate) fn is_inside(test: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    if let Err(why) = run(Command::new("true")) {
        let required = env::var("NAMESPACES").is_ok_and(|value| value == "required");
        assert!(!required, "NAMESPACES=required, and there is none: {why}");
        eprintln!("skipped: no network namespace can be had here: {why}");
        return false;
    }
    let mut this = Command::new(env::current_exe().expect("this program"));
    this.args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    match run(this) {
        Ok(said) => assert!(said.contains("1 passed"), "there is no test {test}: {said}"),
        Err(why) => panic!("{why}"),
    }
    false
}

/// Runs a command in a namespace of its own; as root in that of its users, if we are not.
fn run(command: Command) -> Result<String, String> {
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--net"]);
    unshare.args(["sh", "-euc", r#"ip link set lo up; exec "$@""#, "sh"]);
    unshare.arg(command.get_program()).args(command.get_args());
    unshare.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let Output { status, stdout, stderr } = unshare.output().map_err(|e| e.to_string())?;
    let said = [stdout, stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    if status.success() { Ok(said) } else { Err(said) }
}
