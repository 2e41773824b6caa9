//! The cells of the table, as tests: a row is a server, a peer or a fault, a column what was asked.

use std::{
    any::Any,
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::table::{Cell, Table};

/// What a cell came to; a panic is a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Pass,
    /// With something that a reader of the table should know.
    PassWith(String),
    /// It cannot be had of this software, or here: why.
    Cannot(String),
}

/// When a cell is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// Only with `--include-ignored`: it takes minutes, or a long build.
    InFull,
}

/// All cells.
pub(crate) struct Suite {
    trials: Vec<Trial>,
    table: Arc<Mutex<Table>>,
}

impl Suite {
    pub(crate) fn new() -> Self {
        Self { trials: Vec::new(), table: Arc::default() }
    }

    /// Adds a cell to a part of the table. Rows and columns stand in the order in which they were
    /// first named.
    pub(crate) fn ask(
        &mut self,
        part: &'static str,
        row: &str,
        column: &str,
        when: When,
        check: impl FnOnce() -> Answer + Send + 'static,
    ) {
        let place = lock(&self.table).add(part, row, column);
        let table = Arc::clone(&self.table);
        let name = format!("{part}: {row}: {column}");
        let trial = Trial::ignorable_test(name, move || {
            let cell = Cell::of(catch_unwind(AssertUnwindSafe(check)).map_err(told));
            let completion = match &cell {
                Cell::Passed(_) => Ok(Completion::Completed),
                Cell::Cannot(why) => Ok(Completion::ignored_with(why)),
                Cell::Failed(why) => Err(Failed::from(why)),
                Cell::LeftOut => unreachable!("it was asked"),
            };
            lock(&table).fill(place, cell);
            completion
        });
        self.trials.push(trial.with_ignored_flag(when == When::InFull));
    }

    /// Asks, and leaves the table behind where the environment says.
    pub(crate) fn run(self, args: &Arguments) -> ExitCode {
        let conclusion = libtest_mimic::run(args, self.trials);
        let table = lock(&self.table);
        print!("\n{table}");
        match write(&table) {
            Ok(()) => conclusion.exit_code(),
            Err(error) => {
                eprintln!("the table cannot be written: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

fn write(table: &Table) -> io::Result<()> {
    match std::env::var_os("INTEROP_TABLE").map(PathBuf::from) {
        Some(path) => fs::write(path, table.to_string()),
        None => Ok(()),
    }
}

/// What a panic says.
fn told(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().map_or("it panicked", |text| text).to_owned(),
    }
}

fn lock(table: &Mutex<Table>) -> std::sync::MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
