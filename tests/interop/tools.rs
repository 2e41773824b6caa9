//! Where the programs are that the cells need.

use std::{path::PathBuf, process::Command};

use crate::suite::Answer;

/// A program that may be missing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// What brings it.
    pub(crate) needs: &'static str,
}

impl Tool {
    /// Where it is: among what the script has built, or in the path, where servers often are not.
    pub(crate) fn find(self) -> Result<PathBuf, Answer> {
        let built = std::env::var_os("INTEROP_BIN").unwrap_or_default();
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&built)
            .chain(std::env::split_paths(&path))
            .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
            .map(|folder| folder.join(self.name))
            .find(|program| program.is_file())
            .ok_or_else(|| self.missing())
    }

    /// What the script has said to be there has to be.
    fn missing(self) -> Answer {
        let required = std::env::var("INTEROP_REQUIRED").unwrap_or_default();
        let required = required.split_whitespace().any(|name| name == self.name);
        assert!(!required, "`{}` is not found, and should be here", self.name);
        Answer::Cannot(format!("`{}` is not here: {}", self.name, self.needs))
    }

    pub(crate) fn command(self) -> Result<Command, Answer> {
        self.find().map(Command::new)
    }
}
