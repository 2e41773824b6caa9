//! The cells of the table, as tests: a row is a server, a peer or a fault, a column what was asked.

use std::{
    any::Any,
    collections::VecDeque,
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::table::{Cell, Place, Table};

/// What a cell came to; a panic is a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Pass,
    /// With something that a reader of the table should know.
    PassWith(String),
    /// A figure, which stands in the cell itself.
    Told(String),
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
        let name = format!("{part}: {row}: {column}");
        self.add(name, part, row, &[column], when, move |story| story.tell(check()));
    }

    /// Adds a row, the cells of which are answered one after another.
    pub(crate) fn follow(
        &mut self,
        part: &'static str,
        row: &str,
        columns: &[&str],
        when: When,
        run: impl FnOnce(&mut Story) + Send + 'static,
    ) {
        self.add(format!("{part}: {row}"), part, row, columns, when, run);
    }

    fn add(
        &mut self,
        name: String,
        part: &'static str,
        row: &str,
        columns: &[&str],
        when: When,
        run: impl FnOnce(&mut Story) + Send + 'static,
    ) {
        let places = columns.iter().map(|column| lock(&self.table).add(part, row, column));
        let mut story =
            Story { places: places.collect(), table: Arc::clone(&self.table), cannot: None };
        let trial = Trial::ignorable_test(name, move || {
            let ran = catch_unwind(AssertUnwindSafe(|| run(&mut story)));
            story.end(ran.map_err(told))
        });
        self.trials.push(trial.with_ignored_flag(when == When::InFull));
    }

    /// Asks, and leaves the table behind where the environment says.
    pub(crate) fn run(self, args: &Arguments) -> ExitCode {
        let conclusion = libtest_mimic::run(args, self.trials);
        let table = lock(&self.table);
        print!("\n{table}");
        let asked = conclusion.num_passed + conclusion.num_failed + conclusion.num_ignored;
        if asked == 0 && !args.list {
            eprintln!("no cell has such a name; `--list` prints them");
            return ExitCode::FAILURE;
        }
        match write(&table) {
            Ok(()) => conclusion.exit_code(),
            Err(error) => {
                eprintln!("the table cannot be written: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

/// The cells of a row that are being answered.
#[derive(Debug)]
pub(crate) struct Story {
    /// Those that are still to be answered.
    places: VecDeque<Place>,
    table: Arc<Mutex<Table>>,
    cannot: Option<String>,
}

impl Story {
    /// Answers the next cell.
    pub(crate) fn tell(&mut self, answer: Answer) {
        if let Answer::Cannot(why) = &answer {
            self.cannot = Some(why.clone());
        }
        let place = self.places.pop_front().expect("there are as many answers as cells");
        lock(&self.table).fill(place, Cell::of(Ok(answer)));
    }

    /// Answers all other cells: they cannot be had.
    pub(crate) fn give_up(&mut self, why: &Answer) {
        while !self.places.is_empty() {
            self.tell(why.clone());
        }
    }

    fn end(&mut self, ran: Result<(), String>) -> Result<Completion, Failed> {
        let untold = || Err("it ended without an answer".to_owned());
        let ran = if self.places.is_empty() { ran } else { ran.and_then(|()| untold()) };
        if let Err(why) = ran {
            for place in self.places.drain(..) {
                lock(&self.table).fill(place, Cell::of(Err(why.clone())));
            }
            return Err(Failed::from(why));
        }
        Ok(self.cannot.take().map_or(Completion::Completed, Completion::ignored_with))
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
