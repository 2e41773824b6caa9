//! Any operations on a discovery.

use std::collections::BTreeSet;

use super::input::Input;

mod checks;
mod node;
mod operations;
mod rescue;
mod setup;
mod told;
mod world;

use self::{node::Node, operations::OPERATIONS, setup::Setup};

/// How many operations are taken from the bytes.
const MOST: usize = 400;

/// Whatever happens to a discovery, in whatever order: what it holds stays true, what it does stays
/// within its bounds, it does the same when the same happens again, and it finds whoever is left.
pub fn machine(bytes: &[u8]) {
    let mut node = run(bytes);
    let again = std::mem::take(&mut run(bytes).log);
    for (one, other) in node.log.iter().zip(&again) {
        assert_eq!(one, other, "the same inputs and the same seed give other outputs");
    }
    assert_eq!(node.log.len(), again.len(), "the same inputs give other outputs");
    node.rescue();
}

/// What a discovery says and does when all this happens to it: the kinds of its outputs, of its events,
/// and of its dials.
pub fn reached(bytes: &[u8]) -> BTreeSet<String> {
    let mut node = run(bytes);
    let log = std::mem::take(&mut node.log);
    let kinds = log.iter().filter_map(|line| {
        let (kind, rest) = line.split_once(['(', ' '])?;
        let word = |text: &str| text.split([' ', '(', '}']).next().map(str::to_owned);
        let after = |key| rest.split_once(key).and_then(|(_, text)| word(text));
        match kind {
            "Event" => match word(rest)?.as_str() {
                "Status" => after("status: ").map(|status| status.replace(',', "")),
                event => Some(event.to_owned()),
            },
            "Dial" => after("expect: "),
            "Abort" | "Announce" | "CancelLookup" => Some(kind.to_owned()),
            _ => None,
        }
    });
    kinds.collect()
}

fn run(bytes: &[u8]) -> Node {
    let mut input = Input::new(bytes);
    let mut node = Node::new(Setup::read(&mut input));
    node.drain();
    for _ in 0..MOST {
        if input.is_empty() {
            break;
        }
        let choice = input.byte();
        let (name, operation) = OPERATIONS[usize::from(choice & 0x3f) % OPERATIONS.len()];
        node.log.push(name.to_owned());
        operation(&mut node, &mut input);
        // One time in four, more happens before anybody looks.
        if choice < 0xc0 {
            node.drain();
        }
    }
    node.drain();
    node
}
