//! The file that a drawing goes to.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
};

use crate::common::run::Stop;

/// A file that can be written, as was made sure before anything else.
#[derive(Debug)]
pub(crate) struct Drawing {
    file: File,
    path: String,
}

impl Drawing {
    /// Opens a file, and leaves what it holds until there is something better.
    pub(crate) fn open(path: &Path) -> Result<Self, Stop> {
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let path = path.display().to_string();
        match opened {
            Ok(file) => Ok(Self { file, path }),
            Err(error) => Err(Stop::Usage(format!(
                "`--svg {path}` cannot be written ({error}): name a file in a directory that exists \
                 and is yours, such as `cluster.svg`"
            ))),
        }
    }

    pub(crate) fn write(mut self, text: &str) -> Result<(), Stop> {
        let written = self.file.set_len(0).and_then(|()| self.file.write_all(text.as_bytes()));
        written.map_err(|error| Stop::failed(&format!("{} cannot be written", self.path), &error))
    }
}
