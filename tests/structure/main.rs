//! The walls between the parts of the crate, held by reading its source: who may import whom, who may
//! implement what, and who may change what.
//!
//! `STRUCTURE_ROOT=/path` looks at another tree. `STRUCTURE_PRINT=1 cargo test --test structure --
//! --nocapture` prints the rooms of the discovery and what each of them imports.
//!
//! What cannot be seen without a compiler: methods that are called on values as uses of their type,
//! items that macros make, and of which type a value is that comes out of a call.

mod circles;
mod contributing;
mod edges;
mod hub;
mod lengths;
mod rooms;
mod shapes;
mod source;
mod strip;
mod tree;
mod types;
mod writes;

use source::Source;
use tree::Tree;

fn crate_itself() -> (Source, Tree) {
    let source = Source::read();
    let tree = Tree::of(&source);
    (source, tree)
}

/// Fails with all that was found, one a line.
#[track_caller]
fn assert_none(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule} ({} times not so)\n  {}", found.len(), found.join("\n  "));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let (_, tree) = crate_itself();
    assert_none("files import each other in no circle", &circles::findings(&tree));
}

#[test]
fn only_the_hub_extends_the_hub() {
    let (_, tree) = crate_itself();
    assert_none("a type is implemented where it is defined", &hub::findings(&tree));
}

#[test]
fn no_field_of_a_room_is_written_from_outside_it() {
    let (_, tree) = crate_itself();
    assert_none("what is in a room is changed by that room", &writes::findings(&tree));
}

#[test]
fn no_room_imports_one_above_it() {
    let (_, tree) = crate_itself();
    if std::env::var_os("STRUCTURE_PRINT").is_some() {
        println!("{}", rooms::layers(&tree));
    }
    assert_none("rooms import each other one way", &rooms::findings(&tree));
}

#[test]
fn contributing_names_every_room() {
    let (source, tree) = crate_itself();
    let found = contributing::findings(&source, &tree);
    assert_none("CONTRIBUTING.md says where everything is", &found);
}

#[test]
fn no_file_and_no_function_is_too_long() {
    let (source, tree) = crate_itself();
    assert_none("files and functions are short", &lengths::findings(&source, &tree));
}
