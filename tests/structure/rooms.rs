//! The rooms: the modules at the top of the discovery, each with its folder.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    circles,
    edges::{self, Edges},
    tree::Tree,
};

/// The file that knows all rooms.
pub const HUB: &str = "src/discovery.rs";
/// Where they are.
pub const ROOMS: &str = "src/discovery/";

/// Whether what a file holds is under these rules.
pub fn is_discovery(file: &str) -> bool {
    file == HUB || file.starts_with(ROOMS)
}

/// The room that a file is part of: `hosts` for `hosts.rs`, and for all in `hosts/`.
pub fn room_of(file: &str) -> Option<&str> {
    let inside = file.strip_prefix(ROOMS)?;
    let name = inside.split_once('/').map_or(inside, |(folder, _)| folder);
    Some(name.strip_suffix(".rs").unwrap_or(name))
}

/// Who holds what is defined in a file: its room; and where it is part of none, as the hub, the file
/// itself.
pub fn holder_of(file: &str) -> &str {
    room_of(file).unwrap_or(file)
}

/// Rooms that import each other in a circle, and rooms that import the hub.
pub fn findings(tree: &Tree) -> Vec<String> {
    let edges = edges::edges(tree);
    let mut found = circles::circles(&between_rooms(&edges));
    for ((from, to), names) in &edges {
        if to == HUB && from.starts_with(ROOMS) {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            found.push(format!("{from} imports the hub's {}", names.join(", ")));
        }
    }
    found
}

/// The rooms from the lowest layer to the highest, each with those that it imports. A room is in the
/// layer above the highest one that it imports; those in circles are in none.
pub fn layers(tree: &Tree) -> String {
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for room in tree.modules.iter().filter_map(|module| room_of(&module.file)) {
        imports.entry(room.to_owned()).or_default();
    }
    for (from, to) in between_rooms(&edges::edges(tree)).into_keys() {
        imports.entry(from).or_default().insert(to);
    }
    let mut text = String::new();
    let mut below = BTreeSet::new();
    for layer in 1.. {
        let (ready, rest): (BTreeMap<_, _>, BTreeMap<_, _>) =
            imports.into_iter().partition(|(_, needs)| needs.is_subset(&below));
        imports = rest;
        if ready.is_empty() {
            break;
        }
        print(&mut text, &format!("layer {layer}"), &ready);
        below.extend(ready.into_keys());
    }
    if !imports.is_empty() {
        print(&mut text, "in circles, or above one", &imports);
    }
    text
}

fn print(text: &mut String, title: &str, rooms: &BTreeMap<String, BTreeSet<String>>) {
    text.push_str(&format!("{title}\n"));
    for (room, imports) in rooms {
        let imports: Vec<_> = imports.iter().map(String::as_str).collect();
        let imports = if imports.is_empty() { "–".to_owned() } else { imports.join(", ") };
        text.push_str(&format!("  {room}: {imports}\n"));
    }
}

fn between_rooms(edges: &Edges) -> Edges {
    let mut between = Edges::new();
    for ((from, to), names) in edges {
        if let (Some(from), Some(to)) = (room_of(from), room_of(to))
            && from != to
        {
            let names = names.iter().cloned();
            between.entry((from.to_owned(), to.to_owned())).or_default().extend(names);
        }
    }
    between
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn house(hosts: &str, deep: &str, order: &str) -> Tree {
        Tree::of(&Source::of(&[
            ("src/lib.rs", "mod discovery;"),
            (
                HUB,
                "mod hosts; mod order; pub struct Discovery(hosts::Hosts); pub const STEPS: u8 = 9;",
            ),
            ("src/discovery/hosts.rs", hosts),
            ("src/discovery/hosts/deep.rs", deep),
            ("src/discovery/order.rs", order),
        ]))
    }

    #[test]
    fn rooms_that_import_each_other_are_found_though_their_files_do_not() {
        let tree = house(
            "mod deep; pub struct Hosts;",
            "use crate::discovery::order::Order;",
            "use super::hosts::Hosts; pub struct Order;",
        );
        assert_eq!(circles::findings(&tree), [""; 0]);
        assert_eq!(findings(&tree), ["hosts → order: Order\n    order → hosts: Hosts"]);
    }

    #[test]
    fn a_room_that_imports_the_hub_is_found() {
        let tree = house("mod deep; pub struct Hosts;", "", "fn f() -> u8 { super::STEPS }");
        assert_eq!(findings(&tree), ["src/discovery/order.rs imports the hub's STEPS"]);
    }

    #[test]
    fn layers_say_what_each_room_imports() {
        let tree =
            house("mod deep; pub struct Hosts; use super::order::Order;", "", "pub struct Order;");
        assert_eq!(findings(&tree), [""; 0]);
        assert_eq!(layers(&tree), "layer 1\n  order: –\nlayer 2\n  hosts: order\n");
    }
}
