//! The threat model names the tests that hold each of its lines. They exist.

use std::{
    fs,
    path::{Path, PathBuf},
};

const COLUMNS: usize = 5;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The lines of the table, each cut into its cells.
fn rows() -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("THREATS.md")).expect("THREATS.md");
    let table = text.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |line: &str| {
        let line = line.trim_matches('|').replace(r"\|", "&#124;");
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    table.map(cells).collect()
}

/// What a cell has between backquotes.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The files of this name, or in a folder of this name, among the tests and the crate's modules.
fn files(name: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![root().join("tests"), root().join("src")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.iter().any(|part| Path::new(part).with_extension("") == *name) {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn every_line_is_held_by_tests_that_exist() {
    let rows = rows();
    assert!(rows.len() >= 20, "{} lines", rows.len());
    for row in rows {
        assert_eq!(row.len(), COLUMNS, "{row:?}");
        assert!(row[1..].iter().all(|cell| !cell.is_empty()), "{row:?}");
        let tests = quoted(&row[COLUMNS - 1]);
        assert!(!tests.is_empty(), "no test holds this: {row:?}");
        for test in tests {
            let (place, name) = test.split_once("::").unwrap_or_else(|| panic!("`{test}`"));
            let declared = format!("fn {name}(");
            let is_test = |source: String| {
                let before = source.split(&declared).next().filter(|before| *before != source);
                let last =
                    before.and_then(|before| before.rsplit("#[").find(|a| a.contains("test")));
                last.is_some_and(|attribute| !attribute.contains('}'))
            };
            let found = files(place)
                .into_iter()
                .any(|file| is_test(fs::read_to_string(file).expect("a source file")));
            assert!(found, "there is no test `{test}`");
        }
    }
}
