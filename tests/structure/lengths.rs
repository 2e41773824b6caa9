//! Files and functions that are short enough to be read.

use syn::{
    ImplItemFn, ItemFn, Signature,
    spanned::Spanned,
    visit::{self, Visit},
};

use crate::{rooms, source::Source, strip, tree::Tree};

/// How many lines of code a file may have, its tests, comments and empty lines left out.
const FILE: usize = 400;
/// The same for the hub, which is one file by design: whatever the shell says and asks goes through it.
const LONGEST_HUB: usize = 550;
/// How many lines a function may have, from its signature to its end.
const FUNCTION: usize = 60;

pub fn findings(source: &Source, tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let files: std::collections::BTreeSet<_> = tree.modules.iter().map(|m| &m.file).collect();
    for file in files {
        let text = source.text(file).expect("a file that was parsed");
        let lines = lines_of_code(text);
        let most = if file == rooms::HUB { LONGEST_HUB } else { FILE };
        if lines > most {
            found.push(format!("{file} has {lines} lines of code, more than {most}"));
        }
    }
    for module in &tree.modules {
        let mut functions = Functions { file: &module.file, found: &mut found };
        module.items.iter().for_each(|item| functions.visit_item(item));
    }
    found
}

fn lines_of_code(text: &str) -> usize {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    let parsed = syn::parse_file(text).expect("a file that was parsed before");
    let all: Vec<&str> = text.lines().collect();
    let tests = parsed.items.iter().filter(|item| !strip::is_kept(item));
    let of_tests = tests.map(|item| {
        let (start, end) = (item.span().start().line - 1, item.span().end().line);
        all[start..end].iter().filter(|line| is_code(line)).count()
    });
    all.iter().filter(|line| is_code(line)).count() - of_tests.sum::<usize>()
}

struct Functions<'a> {
    file: &'a str,
    found: &'a mut Vec<String>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &Signature, end: usize) {
        let start = signature.span().start().line;
        let lines = end + 1 - start;
        if lines > FUNCTION {
            let (file, name) = (self.file, &signature.ident);
            self.found
                .push(format!("{file}:{start}: `{name}` has {lines} lines, more than {FUNCTION}"));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.measure(&item.sig, item.block.span().end().line);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.measure(&item.sig, item.block.span().end().line);
        visit::visit_impl_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings_in(text: &str) -> Vec<String> {
        let source = Source::of(&[("src/lib.rs", text)]);
        findings(&source, &Tree::of(&source))
    }

    #[test]
    fn a_long_file_is_found_and_neither_tests_nor_comments_count() {
        let most = "const X: u8 = 1;\n".repeat(FILE);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{most}}}\n");
        assert_eq!(findings_in(&format!("{most}\n    // why\n{tests}")), [""; 0]);
        let found = findings_in(&format!("{most}const Y: u8 = 1;\n{tests}"));
        assert_eq!(found, ["src/lib.rs has 401 lines of code, more than 400"]);
    }

    #[test]
    fn a_long_function_is_found_wherever_it_is() {
        let of = |lines: usize| format!("fn f() {{\n{}}}\n", "g();\n".repeat(lines - 2));
        assert_eq!(findings_in(&of(FUNCTION)), [""; 0]);
        let found = findings_in(&of(FUNCTION + 1));
        assert_eq!(found, ["src/lib.rs:1: `f` has 61 lines, more than 60"]);
        let found = findings_in(&format!("impl X {{\n{}}}", of(FUNCTION + 1)));
        assert_eq!(found, ["src/lib.rs:2: `f` has 61 lines, more than 60"]);
    }
}
