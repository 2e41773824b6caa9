//! A program that runs, and the JSON lines that it prints.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

/// How long anything may take. Far longer than it does: a slow machine is no failure. And longer than a
/// node may go without a look at whom it has not selected: ten intervals of a minute, and a quarter.
pub(crate) const PATIENCE: Duration = Duration::from_secs(900);
/// How often it is looked whether a program has stopped.
const LOOK: Duration = Duration::from_millis(1);
/// How much of stderr is kept for a message.
const LAST: usize = 2_000;

/// A program that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    child: Child,
    log: Arc<Log>,
}

/// What a program has printed so far.
#[derive(Debug, Default)]
struct Log {
    printed: Mutex<Printed>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Printed {
    lines: Vec<Value>,
    stderr: String,
    ended: bool,
}

impl Program {
    /// Starts a program, and reads what it prints. `name` is for messages.
    pub(crate) fn start(name: impl Into<String>, command: &mut Command) -> Self {
        let name = name.into();
        let mut child = command
            .env_remove("DISCOVERY_SOURCES")
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let log = Arc::new(Log::default());
        read_lines(&mut child, &log);
        read_stderr(&mut child, &log);
        Self { name, child, log }
    }

    /// Waits for a line, among those that were printed already too.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait_until(what, |lines| lines.iter().find(|line| wanted(line)).cloned())
    }

    /// Waits until what it has printed gives an answer.
    #[track_caller]
    pub(crate) fn wait_until<T>(&self, what: &str, answer: impl Fn(&[Value]) -> Option<T>) -> T {
        let mut found = None;
        let printed = self.log.wait_until(|printed| {
            found = answer(&printed.lines);
            found.is_some() || printed.ended
        });
        found.unwrap_or_else(|| {
            let how = if printed.ended { "has ended" } else { "still runs" };
            panic!("{} {how}, and nothing says: {what}; {}", self.name, printed.last())
        })
    }

    /// What it has printed so far.
    pub(crate) fn with_lines<T>(&self, read: impl FnOnce(&[Value]) -> T) -> T {
        read(&self.log.lock().lines)
    }

    /// What it has said on stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.log.lock().stderr.clone()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.log.lock().ended
    }

    /// Waits for its end; `None` if a signal ended it.
    #[track_caller]
    pub(crate) fn finish(&mut self) -> Option<i32> {
        let printed = self.log.wait_until(|printed| printed.ended);
        assert!(printed.ended, "{} does not end; {}", self.name, printed.last());
        drop(printed);
        self.child.wait().expect("it can be waited for").code()
    }

    /// Sends a signal, such as `TERM`, `STOP` or `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        // The shell's own, as not everybody has a program of that name.
        let status = Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, signal, &id]).status();
        assert!(status.is_ok_and(|status| status.success()), "no {signal} for {}", self.name);
    }

    /// Stops all its threads. One of them takes the signal, and until that one runs, the others go on.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
        let deadline = Instant::now() + PATIENCE;
        while !is_stopped(self.child.id()) {
            assert!(Instant::now() < deadline, "{} does not stop", self.name);
            thread::park_timeout(LOOK);
        }
    }

    /// Where it reads from.
    pub(crate) fn stdin(&mut self) -> &mut std::process::ChildStdin {
        self.child.stdin.as_mut().expect("it is piped")
    }

    pub(crate) fn kill(&mut self) {
        // Fails only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether all threads of a process are, as proc(5) has it.
fn is_stopped(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    threads.flatten().all(|thread| {
        // One that has ended is gone.
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
    })
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Printed> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this holds, or the patience is over.
    fn wait_until(&self, mut holds: impl FnMut(&Printed) -> bool) -> MutexGuard<'_, Printed> {
        let waits = |printed: &mut Printed| !holds(printed);
        let waited = self.more.wait_timeout_while(self.lock(), PATIENCE, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn change(&self, change: impl FnOnce(&mut Printed)) {
        change(&mut self.lock());
        self.more.notify_all();
    }
}

impl Printed {
    /// The end of what there is, for a message.
    fn last(&self) -> String {
        let lines: Vec<_> = self.lines.iter().rev().take(5).map(ToString::to_string).collect();
        format!("last lines: {}; stderr: {}", lines.join(" < "), self.stderr)
    }
}

/// Reads lines in a thread, until the program closes its end. Those that are not JSON are left out, and
/// so is the mark by which CoreDNS begins a line.
fn read_lines(child: &mut Child, log: &Arc<Log>) {
    let stdout = child.stdout.take().expect("it is piped");
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let line = line.strip_prefix("[INFO] ").unwrap_or(&line);
            if let Ok(line) = serde_json::from_str(line) {
                log.change(|printed| printed.lines.push(line));
            }
        }
        log.change(|printed| printed.ended = true);
    });
}

fn read_stderr(child: &mut Child, log: &Arc<Log>) {
    let mut stderr = child.stderr.take().expect("it is piped");
    let log = Arc::clone(log);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stderr.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]);
            log.change(|Printed { stderr, .. }| {
                stderr.push_str(&text);
                let cut = stderr.len().saturating_sub(LAST);
                let cut = (cut..=stderr.len()).find(|at| stderr.is_char_boundary(*at));
                stderr.drain(..cut.unwrap_or(0));
            });
        }
    });
}
