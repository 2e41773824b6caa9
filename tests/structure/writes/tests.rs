use super::*;
use crate::{rooms::HUB, source::Source};

/// A state, and a piece of data that it hands out.
const TABLE: &str = "mod row;
    pub struct Table { rows: Vec<u8>, count: usize }
    impl Table { pub fn add(&mut self) { self.rows.push(1); self.count += 1; } }
    pub struct Entry { pub(super) age: u8, pub(super) list: Vec<u8> }
    pub struct Number(pub(super) u64);
    fn table() -> &'static mut Table { unknown() }";

fn findings_in(hub: &str, table: &str, row: &str, other: &str) -> Vec<String> {
    let hub = format!(
        "mod table; mod other; use self::table::{{Table, Entry, Number}}; \
         pub struct Discovery {{ table: Table, entry: Entry, status: u8 }} {hub}"
    );
    let tree = Tree::of(&Source::of(&[
        ("src/lib.rs", "mod discovery;"),
        (HUB, &hub),
        ("src/discovery/table.rs", table),
        ("src/discovery/table/row.rs", row),
        ("src/discovery/other.rs", other),
    ]));
    findings(&tree)
}

/// The fields that these statements of a method of the hub write, of which the structs are not its
/// own.
fn written_by_hub(statements: &str) -> Vec<String> {
    let method =
        format!("impl Discovery {{ fn f(&mut self, e: &mut Entry, n: u8) {{ {statements} }} }}");
    let found = findings_in(&method, TABLE, "", "");
    found.iter().filter_map(|text| text.split('`').nth(1)).map(str::to_owned).collect()
}

#[test]
fn a_tree_without_foreign_writes_is_well() {
    let hub = "impl Discovery { fn f(&mut self) { self.status = 1; self.table.add(); } }";
    let other = "pub struct Own { age: u8 } impl Own { fn f(&mut self) { self.age = 1; } }
        fn make(age: u8) -> super::table::Entry { super::table::Entry { age, list: vec![] } }";
    assert_eq!(findings_in(hub, TABLE, "", other), [""; 0]);
}

#[test]
fn a_foreign_write_is_found() {
    let found = findings_in("fn f(e: &mut Entry) {\n e.age = 1; }", TABLE, "", "");
    let expected = "src/discovery.rs:2: writes `age`, a field of `Entry` (src/discovery/table.rs)";
    assert_eq!(found, [expected]);
}

#[test]
fn each_way_to_write_is_found() {
    for statements in [
        "e.age = 1;",
        "e.age += 1;",
        "e.age <<= 1;",
        "*e.age = 1;",
        "(*e).age = 1;",
        "e.age[0] = 1;",
        "(e.age, n) = (1, 2);",
        "g(&mut e.age);",
        "e.age.push(1);",
        "e.age.sort_unstable();",
        "e.age.take();",
        "for x in e.age.iter_mut() {}",
        "self.entry.age = 1;",
        "let x = &mut self.entry.age;",
        "let x = Entry { age: 1, list: vec![] }; x.age = 2;",
        "unknown().age = 1;",
        "if let Some(x) = unknown() { x.age = 1 }",
        "all.for_each(|x| x.age = 1);",
        "let e = unknown(); e.age = 1;",
        "assert!(g(&mut e.age));",
    ] {
        assert_eq!(written_by_hub(statements), ["age"], "{statements}");
    }
}

#[test]
fn what_is_no_foreign_write_is_not_found() {
    for statements in [
        "n = 1;",
        "let age = 1; age += 1;",
        "self.status = e.age;",
        "self.entry = g(e);",
        "self.table.add();",
        "let x = e.age.clone();",
        "let x = e.age.take(1);",
        "let x = e.age.populate();",
        "let pair: (u8, u8) = (1, 2); pair.0 = 2;",
        "let x: Message = g(); x.age = 1;",
        "let x = unknown(); x.status = 1;",
        "let x = unknown(); x.rows = 1;",
        "{ let e: Message = g(); e.age = 1; }",
    ] {
        assert_eq!(written_by_hub(statements), [""; 0], "{statements}");
    }
}

#[test]
fn numbers_of_fields_count_where_the_type_is_known() {
    assert_eq!(written_by_hub("let x: Number = g(); x.0 = 1;"), ["0"]);
    assert_eq!(written_by_hub("let x = unknown(); x.0 = 1;"), [""; 0]);
}

#[test]
fn a_write_of_what_the_hub_holds_is_found() {
    let other = "fn f(hub: &mut super::Discovery) { hub.status = 1; }";
    let found = findings_in("", TABLE, "", other);
    let expected =
        "src/discovery/other.rs:1: writes `status`, a field of `Discovery` (src/discovery.rs)";
    assert_eq!(found, [expected]);
}

#[test]
fn a_method_of_another_file_that_writes_its_self_is_found() {
    let other = "impl super::Discovery { fn f(&mut self) { self.status = 1; } }";
    assert_eq!(findings_in("", TABLE, "", other).len(), 1);
}

#[test]
fn a_child_may_write_what_it_sees_of_its_parent() {
    for row in [
        "fn f() { super::table().rows = 1; }",
        "fn f(table: &mut super::Table) { table.rows.push(1); }",
        "use super::Table; fn f() { unknown().rows = 1; }",
    ] {
        assert_eq!(findings_in("", TABLE, row, ""), [""; 0], "{row}");
    }
}

#[test]
fn a_parent_may_write_what_it_sees_of_its_child() {
    let row = "pub struct Row { pub(super) width: u8 }";
    let table = format!("{TABLE} fn f(row: &mut row::Row) {{ row.width = 1; }}");
    assert_eq!(findings_in("", &table, row, ""), [""; 0]);
}

#[test]
fn a_write_from_one_room_into_another_is_found() {
    let row = "use super::super::other::Other; pub struct Row;
        fn f(other: &mut Other) { other.place = 1; }";
    let found = findings_in("", TABLE, row, "pub struct Other { pub(super) place: u8 }");
    let expected = "src/discovery/table/row.rs:2: writes `place`, a field of `Other` \
                    (src/discovery/other.rs)";
    assert_eq!(found, [expected]);

    let row = "pub struct Row { pub(in crate::discovery) width: u8 }";
    let other = "fn f(row: &mut super::table::row::Row) { row.width = 1; }";
    let found = findings_in("", TABLE, row, other);
    let expected = "src/discovery/other.rs:1: writes `width`, a field of `Row` \
                    (src/discovery/table/row.rs)";
    assert_eq!(found, [expected]);
}

#[test]
fn a_name_means_a_field_of_the_own_room_first() {
    let row = "use super::{Entry, super::other::Other}; fn f() { unknown().age = 1; }";
    let other = "pub struct Other { pub(super) age: u8 }";
    assert_eq!(findings_in("", TABLE, row, other), [""; 0]);
    let found = findings_in("", TABLE, &row.replace("Entry, ", ""), other);
    let expected =
        "src/discovery/table/row.rs:1: writes `age`, a field of `Other` (src/discovery/other.rs)";
    assert_eq!(found, [expected]);
}

#[test]
fn a_name_is_no_sign_where_no_value_can_come_from() {
    let other = "fn f() { unknown().age = 1; }";
    assert_eq!(findings_in("", TABLE, "", other), [""; 0]);
    let other = "use super::table; fn f() { table::unknown().age = 1; }";
    assert_eq!(findings_in("", TABLE, "", other), [""; 0]);
    let other = "use super::table::Table; fn f() { unknown().age = 1; }";
    assert_eq!(findings_in("", TABLE, "", other).len(), 1);
}

#[test]
fn a_state_with_a_visible_field_is_found() {
    for visibility in ["pub", "pub(crate)", "pub(super)", "pub(in crate::discovery)"] {
        let table = TABLE.replace("count: usize", &format!("{visibility} count: usize"));
        let found = findings_in("", &table, "", "");
        let expected = "src/discovery/table.rs:2: `count` is visible outside of its room, but \
                        `Table` is a state: `add` changes it";
        assert_eq!(found, [expected], "{visibility}");
    }
}

#[test]
fn a_state_may_show_its_fields_within_its_room() {
    let row = "pub struct Row { VISIBILITY width: u8 }
        impl Row { fn widen(&mut self) { self.width += 1; } }";
    for visibility in ["", "pub(self)", "pub(super)", "pub(in crate::discovery::table)"] {
        let row = row.replace("VISIBILITY", visibility);
        assert_eq!(findings_in("", TABLE, &row, ""), [""; 0], "{visibility}");
    }
    for visibility in ["pub", "pub(crate)", "pub(in crate::discovery)", "pub(in super::super)"] {
        let found = findings_in("", TABLE, &row.replace("VISIBILITY", visibility), "");
        let expected = "src/discovery/table/row.rs:1: `width` is visible outside of its room, but \
                        `Row` is a state: `widen` changes it";
        assert_eq!(found, [expected], "{visibility}");
    }
}

#[test]
fn a_state_is_one_whoever_takes_it() {
    for receiver in ["&mut self", "self: &mut Self", "self: std::pin::Pin<&mut Self>"] {
        let table = TABLE.replace("&mut self", receiver).replace("{ rows:", "{ pub rows:");
        assert_eq!(findings_in("", &table, "", "").len(), 1, "{receiver}");
    }
    let table = TABLE.replace("{ rows:", "{ pub rows:").replace("impl Table", "impl Add for Table");
    assert_eq!(findings_in("", &table, "", "").len(), 1);
}

#[test]
fn a_state_that_other_rooms_make_is_found() {
    let maker = "use crate::discovery::table::Table;
        fn f() -> Table { Table { rows: vec![], count: 0 } }";
    let found = findings_in("", TABLE, "", maker);
    let expected = "src/discovery/other.rs:2: makes `Table` (src/discovery/table.rs), which is \
                    a state: `add` changes it";
    assert_eq!(found, [expected]);
    assert_eq!(findings_in("", TABLE, maker, ""), [""; 0]);
}

#[test]
fn a_foreign_state_inside_of_data_is_changed_by_its_owner_only() {
    let table = TABLE.replace("list: Vec<u8>", "list: Table");
    let found = findings_in("fn f(e: &mut Entry) { e.list.add(); }", &table, "", "");
    let expected = "src/discovery.rs:1: writes `list`, a field of `Entry` (src/discovery/table.rs)";
    assert_eq!(found, [expected]);
}
