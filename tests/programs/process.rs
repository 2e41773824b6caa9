//! One of the programs, run as a process.

use std::{
    env::consts::EXE_SUFFIX,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::Value;

/// How long a program may be silent. Far longer than any needs: a slow machine is no failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A program that runs. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    stdout: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    /// What it has printed so far.
    printed: Vec<String>,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The lines of stdout that are JSON.
    pub(crate) json: Vec<Value>,
}

impl Outcome {
    /// Asserts that stderr is one line that contains a text.
    pub(crate) fn assert_one_sentence(&self, told: &str) {
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        assert!(self.stderr.contains(told), "no `{told}` in: {}", self.stderr);
    }
}

/// Runs a program to its end.
pub(crate) fn run(name: &str, args: &[&str]) -> Outcome {
    Process::start(name, args, &[]).finish()
}

impl Process {
    pub(crate) fn start(name: &str, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program(name))
            .args(args)
            .env_remove("DISCOVERY_SOURCES")
            .env_remove("RUST_LOG")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{name} does not start ({error}); `cargo build --examples` makes it")
            });
        let stdout = lines(child.stdout.take().expect("it is piped"));
        let mut stderr = child.stderr.take().expect("it is piped");
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            // What came before an error is what there is to tell.
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Self { child, stdout, stderr: Some(stderr), printed: Vec::new() }
    }

    /// Waits for a JSON line of a kind, among those that were printed already too.
    pub(crate) fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(line) = self.lines().into_iter().find(&wanted) {
            return line;
        }
        while let Some(line) = self.next_line() {
            if let Some(value) = parse(&line).filter(&wanted) {
                return value;
            }
        }
        let printed = self.printed.join("\n");
        panic!("it ended without the line: {printed}\n{}", self.take_stderr());
    }

    /// The JSON lines that were read so far.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.printed.iter().filter_map(|line| parse(line)).collect()
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Outcome {
        while self.next_line().is_some() {}
        // With stdout closed, it is about to end, or has.
        let status = self.child.wait().expect("it can be waited for");
        Outcome {
            code: status.code(),
            stdout: self.printed.join("\n"),
            stderr: self.take_stderr(),
            json: self.lines(),
        }
    }

    /// Reads no more of what it prints.
    pub(crate) fn close_stdout(&mut self) {
        let (_, closed) = mpsc::channel();
        self.stdout = closed;
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        // The shell's own, as not everybody has a program of that name.
        let status = Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, signal, &id]).status();
        assert!(status.is_ok_and(|status| status.success()));
    }

    fn next_line(&mut self) -> Option<String> {
        match self.stdout.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.printed.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("it says nothing any more after: {}", self.printed.join("\n"))
            }
        }
    }

    fn take_stderr(&mut self) -> String {
        let reader = self.stderr.take();
        reader.map_or_else(String::new, |reader| reader.join().unwrap_or_default())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads lines in a thread, until nobody wants them any more: then the pipe is closed.
fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            let read = line.is_ok_and(|line| sender.send(line).is_ok());
            if !read {
                return;
            }
        }
    });
    receiver
}

fn parse(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok()
}

/// Where Cargo puts the programs: beside the directory of the tests.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test knows its own path");
    let profile = test.ancestors().nth(2).expect("it is two levels down");
    profile.join("examples").join(format!("{name}{EXE_SUFFIX}"))
}
