//! The hub is a hub, and a type is implemented where it is defined: what a file may change is
//! seen in that file.

use crate::{
    edges,
    rooms::{HUB, ROOMS, is_discovery},
    shapes,
    tree::{ItemId, Tree},
};

/// The type that the hub is.
const TYPE: &str = "Discovery";
/// How many fields it may have: more of them are a state that no room owns.
const FIELDS: usize = 12;

pub fn findings(tree: &Tree) -> Vec<String> {
    let mut found = fields(tree);
    found.extend(names(tree));
    found.extend(impls(tree));
    found
}

fn is_hub(tree: &Tree, item: &ItemId) -> bool {
    item.name == TYPE && tree.file_of(item) == HUB
}

fn fields(tree: &Tree) -> Vec<String> {
    let structs = shapes::structs(tree);
    let Some((_, hub)) = structs.iter().find(|(item, _)| is_hub(tree, item)) else {
        return vec![format!("{HUB} defines no struct `{TYPE}`")];
    };
    let count = hub.fields.len();
    let found = (count > FIELDS).then(|| {
        format!("{HUB}:{}: `{TYPE}` has {count} fields; at most {FIELDS} are allowed", hub.line)
    });
    found.into_iter().collect()
}

fn names(tree: &Tree) -> Vec<String> {
    let uses = edges::uses(tree).into_iter();
    let from_rooms = uses.filter(|(_, item)| is_hub(tree, item)).filter_map(|(module, _)| {
        let file = &tree.modules[module].file;
        file.starts_with(ROOMS).then(|| format!("{file} names `{TYPE}`"))
    });
    from_rooms.collect()
}

/// Nobody extends the hub, not even by a trait; and nobody else's methods are added to a type of the
/// discovery.
fn impls(tree: &Tree) -> Vec<String> {
    let all = shapes::impls(tree).into_iter();
    let foreign = all.filter(|block| {
        let home = tree.file_of(&block.item);
        let is_guarded = is_hub(tree, &block.item) || is_discovery(home) && !block.is_of_trait;
        is_guarded && block.file != home
    });
    let told = foreign.map(|block| {
        let (name, home) = (&block.item.name, tree.file_of(&block.item));
        format!("{}:{}: an `impl` of `{name}`, which {home} defines", block.file, block.line)
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn findings_in(hub: &str, table: &str, row: &str) -> Vec<String> {
        findings(&Tree::of(&Source::of(&[
            ("src/lib.rs", "mod discovery;"),
            (HUB, &format!("mod table; {hub}")),
            ("src/discovery/table.rs", &format!("mod row; {table}")),
            ("src/discovery/table/row.rs", row),
        ])))
    }

    const PLAIN: &str = "pub struct Discovery { table: table::Table } impl Discovery { fn f() {} }";

    #[test]
    fn each_type_implemented_at_home_is_well() {
        let table = "pub struct Table; impl Table {} impl Clone for row::Row {}";
        assert_eq!(findings_in(PLAIN, table, "pub struct Row; impl Row {}"), [""; 0]);
    }

    #[test]
    fn a_room_that_extends_the_hub_is_found() {
        let table = "use super::Discovery;\nimpl Discovery { fn g(&mut self) {} }";
        let found = findings_in(PLAIN, table, "");
        let expected = [
            "src/discovery/table.rs names `Discovery`",
            "src/discovery/table.rs:2: an `impl` of `Discovery`, which src/discovery.rs defines",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_trait_of_the_hub_elsewhere_is_found() {
        let table = "impl Extend<u8> for &mut crate::discovery::Discovery {}";
        assert_eq!(findings_in(PLAIN, table, "").len(), 2);
    }

    #[test]
    fn a_room_that_only_mentions_the_hub_is_found() {
        let row = "fn f(hub: &super::super::Discovery) {}";
        let found = findings_in(PLAIN, "", row);
        assert_eq!(found, ["src/discovery/table/row.rs names `Discovery`"]);
    }

    #[test]
    fn a_second_impl_within_the_room_is_found() {
        let found = findings_in(PLAIN, "pub struct Table;", "impl super::Table { fn f(&self) {} }");
        let expected = "src/discovery/table/row.rs:1: an `impl` of `Table`, which \
                        src/discovery/table.rs defines";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn too_many_fields_are_found() {
        let fields: Vec<_> = (0..=FIELDS).map(|n| format!("field_{n}: u8")).collect();
        let hub = format!("pub struct Discovery {{ {} }}", fields.join(", "));
        let found = findings_in(&hub, "", "");
        let expected = "src/discovery.rs:1: `Discovery` has 13 fields; at most 12 are allowed";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn a_hub_that_is_gone_is_found() {
        assert_eq!(findings_in("", "", ""), ["src/discovery.rs defines no struct `Discovery`"]);
    }
}
