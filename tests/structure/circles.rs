//! Files that import each other in a circle: none of them can be understood without all others.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    edges::{self, Edges},
    tree::Tree,
};

/// Each circle of files, the shortest first.
pub fn findings(tree: &Tree) -> Vec<String> {
    circles(&edges::edges(tree))
}

/// For each edge that is part of a circle, the shortest one that it is part of.
pub fn circles(edges: &Edges) -> Vec<String> {
    let graph = graph(edges);
    let found = edges.keys().filter_map(|(from, to)| {
        let mut circle = path(&graph, to, from)?;
        // One circle is found from each of its edges.
        let first = circle.iter().enumerate().min_by_key(|(_, place)| **place)?.0;
        circle.rotate_left(first);
        Some((circle.len(), circle))
    });
    let found: BTreeSet<_> = found.collect();
    found.iter().map(|(_, circle)| describe(circle, edges)).collect()
}

type Graph<'a> = BTreeMap<&'a str, Vec<&'a str>>;

fn graph(edges: &Edges) -> Graph<'_> {
    let mut graph = Graph::new();
    for (from, to) in edges.keys() {
        graph.entry(from).or_default().push(to);
    }
    graph
}

/// The shortest path, both ends included.
fn path<'a>(graph: &Graph<'a>, from: &'a str, to: &'a str) -> Option<Vec<&'a str>> {
    let mut came_from = BTreeMap::from([(from, None)]);
    let mut waiting = VecDeque::from([from]);
    while let Some(at) = waiting.pop_front() {
        if at == to {
            let mut path: Vec<_> =
                std::iter::successors(Some(at), |at| came_from.get(at).copied().flatten())
                    .collect();
            path.reverse();
            return Some(path);
        }
        for next in graph.get(at).into_iter().flatten() {
            came_from.entry(next).or_insert_with(|| {
                waiting.push_back(next);
                Some(at)
            });
        }
    }
    None
}

fn describe(circle: &[&str], edges: &Edges) -> String {
    let ends = circle.iter().cycle().skip(1);
    let steps = circle.iter().zip(ends).map(|(from, to)| {
        let names = edges.get(&((*from).to_owned(), (*to).to_owned()));
        let names: Vec<_> = names.into_iter().flatten().map(String::as_str).collect();
        format!("{from} → {to}: {}", names.join(", "))
    });
    steps.collect::<Vec<_>>().join("\n    ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn findings_in(files: &[(&str, &str)]) -> Vec<String> {
        findings(&Tree::of(&Source::of(files)))
    }

    #[test]
    fn a_child_that_needs_its_parent_is_a_circle() {
        let found = findings_in(&[
            ("src/lib.rs", "mod table;"),
            ("src/table.rs", "mod row; pub struct Width; fn f(row: row::Row) {}"),
            ("src/table/row.rs", "use super::Width; pub struct Row(Width);"),
        ]);
        let circle = "src/table.rs → src/table/row.rs: Row\n    \
                      src/table/row.rs → src/table.rs: Width";
        assert_eq!(found, [circle]);
    }

    #[test]
    fn a_circle_through_a_re_export_is_found() {
        let found = findings_in(&[
            ("src/lib.rs", "pub use self::a::A; mod a; mod b;"),
            ("src/a.rs", "pub use crate::b::inner::C; pub struct A;"),
            ("src/b.rs", "pub mod inner;"),
            ("src/b/inner.rs", "pub struct C(crate::A);"),
        ]);
        let circle = "src/a.rs → src/b/inner.rs: C\n    src/b/inner.rs → src/a.rs: A";
        assert_eq!(found, [circle]);
    }

    #[test]
    fn a_circle_of_three_is_found_once() {
        let found = findings_in(&[
            ("src/lib.rs", "mod a; mod b; mod c;"),
            ("src/a.rs", "pub const A: u8 = crate::b::B;"),
            ("src/b.rs", "pub const B: u8 = crate::c::C;"),
            ("src/c.rs", "pub const C: u8 = crate::a::A;"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.iter().all(|circle| circle.lines().count() == 3), "{found:?}");
    }

    #[test]
    fn what_flows_one_way_is_no_circle() {
        let found = findings_in(&[
            ("src/lib.rs", "pub use self::a::{A, B}; mod a; mod c;"),
            ("src/a.rs", "pub use self::b::B; mod b; pub struct A(B);"),
            ("src/a/b.rs", "pub struct B; #[cfg(test)] mod tests { use super::super::A; }"),
            ("src/c.rs", "use crate::{A, B};"),
        ]);
        assert_eq!(found, [""; 0]);
    }
}
