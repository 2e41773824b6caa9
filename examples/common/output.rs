//! What a program prints: text for people, or one JSON object on each line.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::run::Stop;

/// Something to print, in both forms.
pub(crate) trait Line: Serialize {
    /// The text for people; `None` if it is of use to programs only.
    fn text(&self) -> Option<String>;
}

/// Prints to stdout. Nothing else writes there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints one line, at once, so that a reader of a pipe sees it as it happens.
    pub(crate) fn print(self, line: &impl Line) -> Result<(), Stop> {
        let text = if self.json { serde_json::to_string(line).map(Some) } else { Ok(line.text()) };
        match text {
            Ok(Some(text)) => write_line(&text).map_err(|error| Stop::of_stdout(&error)),
            Ok(None) => Ok(()),
            Err(error) => Err(Stop::failed("a line cannot be written as JSON", &error)),
        }
    }
}

fn write_line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

/// Tells people something beside the output. Where nobody reads stderr, nobody is told.
pub(crate) fn note(name: &str, text: &str) {
    let _ = writeln!(io::stderr(), "{name}: {text}");
}

/// A progress bar on stderr, or nothing where stderr is not a terminal. It goes away when dropped.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(length: usize, what: &'static str) -> Self {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(length as u64), target);
        let template = "{spinner} {prefix} {bar:30} {pos}/{len} {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(what);
        Self(bar)
    }

    pub(crate) fn show(&self, done: usize, of: usize, message: String) {
        self.0.set_length(of as u64);
        self.0.set_position(done as u64);
        self.0.set_message(message);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
