//! The texts that the rules look at: a tree on disk, or a small one made up by a test.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

/// The folders whose files documents may name.
pub const FOLDERS: [&str; 5] = ["src", "tests", "examples", "benches", "fuzz"];

/// Paths relative to the repository, with their texts.
#[derive(Debug)]
pub struct Source {
    texts: BTreeMap<String, String>,
}

impl Source {
    pub fn of(files: &[(&str, &str)]) -> Self {
        let texts = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Self { texts: texts.collect() }
    }

    /// The tree that `STRUCTURE_ROOT` names, or else the one that this test belongs to.
    pub fn read() -> Self {
        let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let root = env::var_os("STRUCTURE_ROOT").map_or_else(own, PathBuf::from);
        let mut source = Self { texts: BTreeMap::new() };
        for folder in FOLDERS {
            source.read_folder(&root, &root.join(folder));
        }
        source.read_file(&root, &root.join("CONTRIBUTING.md"));
        source
    }

    fn read_folder(&mut self, root: &Path, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("a folder that can be read").path();
            if !path.is_dir() {
                self.read_file(root, &path);
            } else if !path.ends_with("target") {
                self.read_folder(root, &path);
            }
        }
    }

    /// Notes that a file exists. Only what is parsed needs its text, and the rest may not be text.
    fn read_file(&mut self, root: &Path, path: &Path) {
        if !path.is_file() {
            return;
        }
        let name = path.strip_prefix(root).expect("a path below the root");
        let name = name.to_str().expect("a path in Unicode").replace('\\', "/");
        let is_text = path.extension().is_some_and(|end| end == "rs" || end == "md");
        let text = is_text.then(|| fs::read_to_string(path).expect("a text in Unicode"));
        self.texts.insert(name, text.unwrap_or_default());
    }

    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }

    /// Whether there is a file of this name, or a folder that holds one.
    pub fn has(&self, place: &str) -> bool {
        let place = place.trim_end_matches('/');
        self.texts.contains_key(place) || self.has_folder(place)
    }

    pub fn has_folder(&self, place: &str) -> bool {
        let folder = format!("{place}/");
        self.paths().any(|path| path.starts_with(&folder))
    }
}
