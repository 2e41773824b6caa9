//! Whoever wants to change something finds where it is in CONTRIBUTING.md: a table, or a list, of the
//! places of the source and what each holds.

use std::collections::BTreeSet;

use crate::{rooms::ROOMS, source::Source, tree::Tree};

const DOCUMENT: &str = "CONTRIBUTING.md";

pub fn findings(source: &Source, tree: &Tree) -> Vec<String> {
    let Some(text) = source.text(DOCUMENT) else {
        return vec![format!(
            "there is no {DOCUMENT}. It needs a table or a list, each row of which begins with a \
             place of the source, such as `src/discovery/` or `src/config.rs`, in backquotes"
        )];
    };
    let mut found = Vec::new();
    let rows: BTreeSet<_> = text.lines().filter_map(first_place).collect();
    if !rows.iter().any(|place| place.starts_with("src/")) {
        found.push(format!(
            "{DOCUMENT} has no table or list whose rows begin with a place of the source in \
             backquotes, such as | `src/config.rs` | what can be set |"
        ));
    }
    let named: BTreeSet<_> = backquoted(text).filter(|text| is_place(text)).collect();
    let gone = named.iter().filter(|place| !source.has(place));
    found.extend(gone.map(|place| format!("{DOCUMENT} names `{place}`, which is not there")));
    let named: BTreeSet<_> = named.iter().map(|place| place.trim_end_matches('/')).collect();
    let missing = expected(tree).into_iter().filter(|place| !named.contains(place.as_str()));
    found.extend(missing.map(|place| match source.has_folder(&place) {
        true => format!("{DOCUMENT} does not name the folder `{place}/`"),
        false => format!("{DOCUMENT} does not name the file `{place}`"),
    }));
    found
}

/// All folders of the source, and the files at its top and at that of the discovery. What only tests
/// reach is no place to look for something.
fn expected(tree: &Tree) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for file in tree.modules.iter().map(|module| module.file.as_str()) {
        let is_top = |folder: &str| file.strip_prefix(folder).is_some_and(|f| !f.contains('/'));
        if is_top("src/") || is_top(ROOMS) {
            places.insert(file.to_owned());
        }
        let slashes = file.match_indices('/').map(|(at, _)| &file[..at]);
        places.extend(slashes.filter(|folder| *folder != "src").map(str::to_owned));
    }
    places
}

/// The place that a row of a table, or an item of a list, begins with.
fn first_place(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let cell = line.strip_prefix(['|', '-', '*'])?.trim_start();
    let place = backquoted(cell).next()?;
    (cell.starts_with('`') && is_place(place)).then_some(place)
}

/// What stands in backquotes, except in blocks of code.
fn backquoted(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    let prose = text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    prose.flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Whether it is meant as the path of a place in the repository, and not as code or as a command.
fn is_place(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let top = text.split_once('/').map(|(top, _)| top);
    let is_ours = top.is_some_and(|top| crate::source::FOLDERS.contains(&top));
    is_ours && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "
| Place | Holds |
|---|---|
| `src/lib.rs`, `src/config.rs` | what others see |
| `src/discovery.rs`, `src/discovery/` | the core |
| `src/discovery/hosts.rs` with `src/discovery/hosts/` | what DNS says |

```sh
cargo test # and nothing of `src/gone.rs`
```
";

    fn findings_in(document: Option<&str>) -> Vec<String> {
        let mut files = vec![
            ("src/lib.rs", "mod discovery; mod config; #[cfg(test)] mod tests;"),
            ("src/config.rs", ""),
            ("src/tests.rs", ""),
            ("src/discovery.rs", "mod hosts;"),
            ("src/discovery/hosts.rs", "mod deep; #[cfg(test)] mod tests;"),
            ("src/discovery/hosts/deep.rs", ""),
            ("src/discovery/hosts/tests.rs", "mod more;"),
            ("src/discovery/hosts/tests/more.rs", ""),
        ];
        files.extend(document.map(|text| (DOCUMENT, text)));
        let source = Source::of(&files);
        findings(&source, &Tree::of(&source))
    }

    #[test]
    fn a_document_that_names_all_is_well() {
        assert_eq!(findings_in(Some(ALL)), [""; 0]);
        let list = "- `src/lib.rs`, `src/config.rs`\n- `src/discovery.rs`, `src/discovery`\n\
                    * `src/discovery/hosts.rs` and `src/discovery/hosts/`";
        assert_eq!(findings_in(Some(list)), [""; 0]);
    }

    #[test]
    fn a_missing_document_is_found() {
        let found = findings_in(None);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("there is no CONTRIBUTING.md. It needs a table"), "{found:?}");
    }

    #[test]
    fn a_missing_room_is_found() {
        let found = findings_in(Some(&ALL.replace("`src/discovery/hosts.rs` with", "")));
        assert_eq!(found, ["CONTRIBUTING.md does not name the file `src/discovery/hosts.rs`"]);
        let found = findings_in(Some(&ALL.replace("with `src/discovery/hosts/`", "")));
        assert_eq!(found, ["CONTRIBUTING.md does not name the folder `src/discovery/hosts/`"]);
    }

    #[test]
    fn a_place_that_is_gone_is_found() {
        for place in ["src/discovery/walker.rs", "src/table/", "tests/gone.rs"] {
            let found = findings_in(Some(&format!("{ALL}| `{place}` | nothing |")));
            let expected = format!("CONTRIBUTING.md names `{place}`, which is not there");
            assert_eq!(found, [expected]);
        }
    }

    #[test]
    fn places_in_sentences_only_are_not_enough() {
        let prose = ALL.replace('|', " ");
        let found = findings_in(Some(&prose));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("CONTRIBUTING.md has no table or list"), "{found:?}");
    }
}
