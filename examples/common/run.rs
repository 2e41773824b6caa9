//! How a program starts, and how it ends: exit codes, and one sentence on stderr for what was wrong.

use std::{error::Error, fmt, io, process::ExitCode};

use clap::{Parser, error::ErrorKind};
use tracing_subscriber::EnvFilter;

use super::output::note;

/// Ends with this code if something went wrong that is not the caller's fault.
const FAILED: u8 = 1;
/// Ends with this code if the program was called in a wrong way.
const USAGE: u8 = 2;
/// Ends with this code if nobody reads what is written: what shells report of a program that
/// `SIGPIPE` ended.
const CLOSED: u8 = 141;

/// Why a program ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It was called in a wrong way. Says what, where, and what would be right.
    Usage(String),
    /// It could not do what it was asked.
    Failed(String),
    /// Nobody reads stdout any more. No reason to say anything.
    Closed,
}

impl Stop {
    /// What was wrong with writing to stdout.
    pub(crate) fn of_stdout(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(format!("stdout cannot be written: {error}")),
        }
    }

    /// `what` failed because of `error` and its causes.
    pub(crate) fn failed(what: &str, error: &(dyn Error + 'static)) -> Self {
        Self::Failed(format!("{what}: {}", causes(error)))
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(sentence) | Self::Failed(sentence) => f.write_str(sentence),
            Self::Closed => f.write_str("nobody reads stdout any more"),
        }
    }
}

/// Reads the command line, runs the program in a Tokio runtime and turns its end into an exit code.
pub(crate) fn run<A: Parser>(
    name: &str,
    program: impl AsyncFnOnce(A) -> Result<u8, Stop>,
) -> ExitCode {
    let args = match A::try_parse() {
        Ok(args) => args,
        Err(error) => return refuse(name, &error),
    };
    log_to_stderr();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return end(name, Err(Stop::failed("no runtime", &error))),
    };
    let outcome = runtime.block_on(program(args));
    // Whatever still runs, such as a look-up in a blocking thread, must not hold the end up.
    runtime.shutdown_background();
    end(name, outcome)
}

fn end(name: &str, outcome: Result<u8, Stop>) -> ExitCode {
    let (code, sentence) = match outcome {
        Ok(code) => return ExitCode::from(code),
        Err(Stop::Usage(sentence)) => (USAGE, sentence),
        Err(Stop::Failed(sentence)) => (FAILED, sentence),
        Err(Stop::Closed) => return ExitCode::from(CLOSED),
    };
    note(name, &sentence);
    ExitCode::from(code)
}

/// Logs go to stderr, as `RUST_LOG` says; without it, errors only.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // It would tell them on stderr, and panic where that is what is broken.
        .log_internal_errors(false);
    // Only fails if there is a subscriber already, and then it logs.
    let _ = subscriber.try_init();
}

/// Prints the help that was asked for, or says in one sentence what was wrong.
fn refuse(name: &str, error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => end(name, Err(Stop::of_stdout(&error))),
        },
        _ => end(name, Err(Stop::Usage(sentence(error)))),
    }
}

/// What clap says in several lines, as one sentence.
fn sentence(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let told = text
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|paragraph| !paragraph.starts_with("Usage:"))
        .filter(|paragraph| !paragraph.starts_with("For more information"))
        .filter(|paragraph| !paragraph.is_empty());
    let told: Vec<_> = told
        .map(|paragraph| match paragraph.strip_prefix("tip: ") {
            Some(tip) => tip.to_owned(),
            None => paragraph,
        })
        .collect();
    format!("{}; see --help", told.join("; "))
}

/// An error and its causes in one line, without what is said twice.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
