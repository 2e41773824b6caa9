//! The table that the documentation shows, in Markdown.

use std::fmt;

use crate::suite::Answer;

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    LeftOut,
    Passed(Option<String>),
    Told(String),
    Cannot(String),
    Failed(String),
}

impl Cell {
    pub(crate) fn of(answer: Result<Answer, String>) -> Self {
        match answer {
            Ok(Answer::Pass) => Self::Passed(None),
            Ok(Answer::Told(text)) => Self::Told(text),
            Ok(Answer::PassWith(note)) => Self::Passed(Some(note)),
            Ok(Answer::Cannot(why)) => Self::Cannot(why),
            Err(why) => Self::Failed(why),
        }
    }

    fn word(&self) -> &str {
        match self {
            Self::LeftOut => "left out",
            Self::Passed(_) => "pass",
            Self::Told(text) => text,
            Self::Cannot(_) => "cannot be",
            Self::Failed(_) => "**fails**",
        }
    }

    fn note(&self) -> Option<&str> {
        match self {
            Self::LeftOut | Self::Passed(None) | Self::Told(_) => None,
            Self::Passed(Some(text)) | Self::Cannot(text) | Self::Failed(text) => Some(text),
        }
    }
}

/// Where a cell stands: the part, the row and the column.
pub(crate) type Place = (usize, usize, usize);

/// Parts of rows and columns.
#[derive(Debug, Default)]
pub(crate) struct Table {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    name: &'static str,
    rows: Vec<String>,
    columns: Vec<String>,
    cells: Vec<(Place, Cell)>,
}

impl Table {
    /// Adds a cell that nobody has asked yet.
    pub(crate) fn add(&mut self, name: &'static str, row: &str, column: &str) -> Place {
        let known = self.parts.iter().position(|part| part.name == name);
        let part = known.unwrap_or_else(|| {
            self.parts.push(Part { name, rows: vec![], columns: vec![], cells: vec![] });
            self.parts.len() - 1
        });
        let Part { rows, columns, cells, .. } = &mut self.parts[part];
        let place = (part, index(rows, row), index(columns, column));
        cells.push((place, Cell::LeftOut));
        place
    }

    pub(crate) fn fill(&mut self, place: Place, cell: Cell) {
        let cells = &mut self.parts[place.0].cells;
        for (_, old) in cells.iter_mut().filter(|(at, _)| *at == place) {
            *old = cell.clone();
        }
    }
}

fn index(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut notes = Vec::new();
        let parts = self.parts.iter().enumerate();
        for (index, part) in parts.filter(|(_, part)| part.was_asked()) {
            part.print(f, index, &mut notes)?;
        }
        for (number, note) in notes.iter().enumerate() {
            writeln!(f, "{}. {note}", number + 1)?;
        }
        Ok(())
    }
}

impl Part {
    fn was_asked(&self) -> bool {
        self.cells.iter().any(|(_, cell)| *cell != Cell::LeftOut)
    }

    fn print(
        &self,
        f: &mut fmt::Formatter<'_>,
        part: usize,
        notes: &mut Vec<String>,
    ) -> fmt::Result {
        writeln!(f, "| {} | {} |", self.name, self.columns.join(" | "))?;
        writeln!(f, "|{}", "---|".repeat(self.columns.len() + 1))?;
        for (number, row) in self.rows.iter().enumerate() {
            write!(f, "| {row} |")?;
            for column in 0..self.columns.len() {
                let place = (part, number, column);
                let cell = self.cells.iter().find(|(at, _)| *at == place).map(|(_, cell)| cell);
                write!(f, " {} |", cell.map_or_else(String::new, |cell| mark(cell, notes)))?;
            }
            writeln!(f)?;
        }
        writeln!(f)
    }
}

/// The word of a cell and the number of its note. Equal notes are one.
fn mark(cell: &Cell, notes: &mut Vec<String>) -> String {
    match cell.note() {
        None => cell.word().to_owned(),
        // A panic may have several lines.
        Some(note) => {
            let note = note.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{} [{}]", cell.word(), index(notes, &note) + 1)
        }
    }
}
