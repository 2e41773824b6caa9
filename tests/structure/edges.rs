//! Which file names what of which other file.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, ItemUse, Macro, Path, VisRestricted,
    visit::{self, Visit},
};

use crate::tree::{self, ItemId, ModuleId, Target, Tree};

/// From one place to another, with the names of the second that the first uses.
pub type Edges = BTreeMap<(String, String), BTreeSet<String>>;

/// The edges between files. An item counts for the file that defines it, wherever it is
/// re-exported. A module's name alone is none: that says where something is, and uses nothing.
///
/// Methods that are called on values are not seen: their type was named somewhere, or came out of
/// something that was.
pub fn edges(tree: &Tree) -> Edges {
    let mut edges = Edges::new();
    for (module, item) in uses(tree) {
        let (from, to) = (&tree.modules[module].file, tree.file_of(&item));
        if from != to {
            edges.entry((from.clone(), to.to_owned())).or_default().insert(item.name);
        }
    }
    edges
}

/// The files that one names, those that these name, and so on. A value of a type that is defined
/// elsewhere can hardly get there: something that hands it out was named.
pub fn reached(edges: &Edges, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![from.to_owned()];
    while let Some(at) = waiting.pop() {
        let next = edges.keys().filter(|(from, _)| *from == at).map(|(_, to)| to);
        waiting.extend(next.filter(|to| !reached.contains(*to)).cloned());
        reached.insert(at);
    }
    reached
}

/// What each module names, whoever defines it. `*` stands for all that a module defines.
pub fn uses(tree: &Tree) -> BTreeSet<(ModuleId, ItemId)> {
    let mut found = BTreeSet::new();
    for (module, content) in tree.modules.iter().enumerate() {
        let mut names = Names { tree, module, found: &mut found };
        content.items.iter().for_each(|item| names.visit_item(item));
    }
    found
}

struct Names<'a> {
    tree: &'a Tree,
    module: ModuleId,
    found: &'a mut BTreeSet<(ModuleId, ItemId)>,
}

impl Names<'_> {
    fn note(&mut self, path: &[String]) {
        if let Some(Target::Item(item)) = self.tree.resolve(self.module, path) {
            self.found.insert((self.module, item));
        }
    }

    fn note_glob(&mut self, path: &[String]) {
        match self.tree.resolve(self.module, path) {
            Some(Target::Item(item)) => drop(self.found.insert((self.module, item))),
            Some(Target::Module(module)) if !self.tree.modules[module].defined.is_empty() => {
                self.found.insert((self.module, ItemId { module, name: "*".to_owned() }));
            }
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_some() {
            return;
        }
        let mut imports = Vec::new();
        tree::flatten(&item.tree, &mut Vec::new(), &mut imports);
        for import in imports {
            match import.name {
                Some(_) => self.note(&import.path),
                None => self.note_glob(&import.path),
            }
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() {
            self.note(&tree::names(path));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.visit_path(&item.path);
        for path in paths_in(item.tokens.clone()) {
            self.note(&path);
        }
    }

    // `pub(in crate::a)` says who may use something, and attributes name other crates' macros.
    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

/// What looks like a path in what is given to a macro. A single name without a capital is more
/// likely a variable, and if it is not, its import tells.
fn paths_in(tokens: TokenStream) -> Vec<Vec<String>> {
    let mut scan = Scan::default();
    scan.read(tokens);
    let is_told = |path: &Vec<String>| {
        let capital = |name: &String| name.starts_with(|first: char| first.is_uppercase());
        path.len() > 1 || path.first().is_some_and(capital)
    };
    scan.paths.retain(is_told);
    scan.paths
}

#[derive(Default)]
struct Scan {
    paths: Vec<Vec<String>>,
    current: Vec<String>,
    colons: usize,
}

impl Scan {
    fn read(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Ident(name) => self.name(&name.to_string()),
                TokenTree::Punct(mark) if mark.as_char() == ':' => self.colons += 1,
                TokenTree::Group(group) => {
                    self.end();
                    self.read(group.stream());
                    self.end();
                }
                _ => self.end(),
            }
        }
        self.end();
    }

    fn name(&mut self, name: &str) {
        if self.colons != 2 || self.current.is_empty() {
            self.end();
        }
        self.current.push(name.trim_start_matches("r#").to_owned());
        self.colons = 0;
    }

    fn end(&mut self) {
        self.colons = 0;
        if !self.current.is_empty() {
            self.paths.push(std::mem::take(&mut self.current));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    /// The edges of a crate of three modules: `a`, which holds `a::inner`, and `b`, which holds
    /// this text.
    fn edges_of(b: &str) -> Vec<(String, String, Vec<String>)> {
        let tree = Tree::of(&Source::of(&[
            ("src/lib.rs", "pub use self::a::Shown; mod a; mod b;"),
            ("src/a.rs", "pub use self::inner::Deep; mod inner; pub struct Shown; pub fn f() {}"),
            ("src/a/inner.rs", "pub enum Deep { One } pub const MOST: usize = 1;"),
            ("src/b.rs", b),
        ]));
        let from_b = edges(&tree).into_iter().filter(|((from, _), _)| from == "src/b.rs");
        from_b.map(|((from, to), names)| (from, to, names.into_iter().collect())).collect()
    }

    #[track_caller]
    fn assert_edge(b: &str, to: &str, names: &[&str]) {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(edges_of(b), [("src/b.rs".to_owned(), to.to_owned(), names)], "{b}");
    }

    #[test]
    fn an_import_is_an_edge() {
        assert_edge("use crate::a::Shown;", "src/a.rs", &["Shown"]);
        assert_edge("use super::a::{self, Shown as S, f};", "src/a.rs", &["Shown", "f"]);
        assert_edge("fn g() { use crate::a::f; }", "src/a.rs", &["f"]);
        assert_edge("use crate::a::*;", "src/a.rs", &["*"]);
        assert_edge("use crate::a::*; fn g() { f() }", "src/a.rs", &["*", "f"]);
        assert_edge("use crate::a::Deep::*;", "src/a/inner.rs", &["Deep"]);
    }

    #[test]
    fn a_path_is_an_edge() {
        assert_edge("fn g() { crate::a::f() }", "src/a.rs", &["f"]);
        assert_edge("use super::a; fn g() { a::f() }", "src/a.rs", &["f"]);
        assert_edge("fn g(x: &crate::a::Shown) {}", "src/a.rs", &["Shown"]);
        assert_edge("impl Into<super::a::Shown> for u8 {}", "src/a.rs", &["Shown"]);
        assert_edge("mod c { fn g() { super::super::a::f() } }", "src/a.rs", &["f"]);
        assert_edge("fn g() { println!(\"{}\", crate::a::f()) }", "src/a.rs", &["f"]);
        assert_edge(
            "fn g(x: u8) -> bool { matches!(x, crate::a::Deep::One) }",
            "src/a/inner.rs",
            &["Deep"],
        );
    }

    #[test]
    fn a_re_export_leads_to_the_file_that_defines_the_item() {
        assert_edge("use crate::Shown;", "src/a.rs", &["Shown"]);
        assert_edge("use crate::a::Deep;", "src/a/inner.rs", &["Deep"]);
        assert_edge("use crate::a::Deep as D; fn g(d: D) {}", "src/a/inner.rs", &["Deep"]);
        assert_edge("use crate::a::Deep::One;", "src/a/inner.rs", &["Deep"]);
    }

    #[test]
    fn what_names_nothing_of_another_file_is_no_edge() {
        for text in [
            "use crate::a;",
            "#[cfg(test)] use crate::a::f;",
            "#[cfg(test)] mod tests { use crate::a::f; }",
            "use std::fmt; fn f() {} fn g() { f() }",
            "pub(in crate::b) fn g() {}",
            "/// As [`crate::a::f`]. \n fn g() {}",
        ] {
            assert_eq!(edges_of(text), [], "{text}");
        }
    }

    #[test]
    fn modules_are_found_wherever_their_files_are() {
        let tree = Tree::of(&Source::of(&[
            ("src/lib.rs", "mod a; #[path = \"elsewhere/c.rs\"] mod b; mod inline { mod d; }"),
            ("src/a/mod.rs", "use crate::b::f;"),
            ("src/elsewhere/c.rs", "pub fn f() {} use crate::inline::g;"),
            ("src/inline/d.rs", "use super::super::b::f;"),
        ]));
        let files: Vec<_> = edges(&tree).into_keys().collect();
        let to = "src/elsewhere/c.rs".to_owned();
        let from = ["src/a/mod.rs", "src/inline/d.rs"];
        assert_eq!(files, from.map(|from| (from.to_owned(), to.clone())));
    }
}
