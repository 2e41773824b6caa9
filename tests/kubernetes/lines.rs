//! The lines that nodes print.

use std::{fs, path::Path};

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::cluster::At;

/// Something that a pod printed.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) at: At,
    /// The pod's own id: pods of a StatefulSet have the names of those before them.
    pub(crate) pod: String,
    pub(crate) event: Value,
}

impl Line {
    pub(crate) fn is(&self, event: &str) -> bool {
        self.event["event"] == event
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.event[field].as_str().unwrap_or_default()
    }

    /// What it says of the node's status, if it does.
    pub(crate) fn status(&self) -> Option<&str> {
        self.is("status").then(|| self.text("status"))
    }
}

/// All lines of a namespace, of each pod in their order.
#[derive(Debug, Default)]
pub(crate) struct Lines(Vec<Line>);

impl Lines {
    /// Reads the files of a folder: `POD.NUMBER`, as containerd writes them.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut files: Vec<_> = fs::read_dir(folder)
            .expect("a folder")
            .map(|file| file.expect("a file").path())
            .collect();
        files.sort();
        let mut lines = Vec::new();
        for file in files {
            let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
            let pod = name.split_once('.').expect("POD.NUMBER").0;
            let text = fs::read_to_string(&file).unwrap_or_default();
            lines.extend(text.lines().filter_map(|line| read_line(pod, line)));
        }
        lines.sort_by_key(|line| line.at);
        Self(lines)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Line> {
        self.0.iter()
    }

    /// When a pod first printed anything, which it does as it starts.
    pub(crate) fn started(&self, pod: &str) -> Option<At> {
        self.0.iter().find(|line| line.pod == pod).map(|line| line.at)
    }

    /// When a pod first said that this is its status.
    pub(crate) fn became(&self, pod: &str, status: &str) -> Option<At> {
        let mut own = self.0.iter().filter(|line| line.pod == pod);
        own.find(|line| line.status() == Some(status)).map(|line| line.at)
    }

    /// How many peers are in a pod's routing table, and since when.
    pub(crate) fn table(&self, pod: &str) -> Option<(At, u64)> {
        let mut own = self.0.iter().rev().filter(|line| line.pod == pod);
        let last = own.find(|line| line.is("kad"))?;
        Some((last.at, last.event["peers"].as_u64()?))
    }
}

/// `TIME stdout F TEXT`; what nodes say on stderr is for people.
fn read_line(pod: &str, line: &str) -> Option<Line> {
    let mut parts = line.splitn(4, ' ');
    let at = OffsetDateTime::parse(parts.next()?, &Rfc3339).ok()?;
    let text = (parts.next()? == "stdout").then(|| parts.nth(1)).flatten()?;
    Some(Line { at, pod: pod.to_owned(), event: serde_json::from_str(text).ok()? })
}
