//! A server that answers with eight members of a hundred, others each time, as if these were all.

use std::collections::BTreeSet;

use super::{
    node::{Node, Outcome},
    records::Kind,
    world,
};
use crate::{
    servers::{Brand, SAMPLE, SERVICE, Server, Zone},
    suite::Answer,
};

const MEMBERS: usize = 100;
/// In so many answers, more than half of a hundred are named, but for one time in thousands and more.
/// Whoever 16 answers in a row leave out departs if nobody answers there, and here nobody does: fewer, since
/// an answer that names nobody new is not told, and not counted here.
const ANSWERS: usize = 12;
/// Without the mark, who is left out of two answers in a row leaves: three answers are known.
const THREE: usize = 3 * SAMPLE;
/// How many looks at its own pace are enough for that.
const LOOKS: usize = 8;

pub(super) fn check(brand: Brand) -> Result<Answer, Answer> {
    if brand != Brand::CoreDns {
        return Err(Answer::Cannot("it answers with all".to_owned()));
    }
    world::run(async move {
        let mut zone = Zone::new(world::TTL);
        Kind::A.put(&mut zone, SERVICE, MEMBERS);
        let brand = Brand::CoreDnsSample;
        let server = Server::start(brand, world::address(), &zone)?;
        let source = Kind::A.source(brand, SERVICE);
        let mut marked = Node::new(server.address(), &format!("{source}?sampled"));
        let known = follow(&mut marked, |before, now| {
            assert!(before.is_subset(now), "somebody departed");
        });
        let known = known.await;
        assert!(known > MEMBERS / 2, "{known} are known");
        let mut unmarked = Node::new(server.address(), &source);
        follow(&mut unmarked, |_, _| {}).await;
        // Answers in a row count only over ten seconds, and these came at once.
        let mut held = MEMBERS;
        for _ in 0..LOOKS {
            let Outcome::Resolved { candidates, .. } = unmarked.outcome().await else { continue };
            held = candidates.len();
            if held <= THREE {
                break;
            }
        }
        assert!(held <= THREE, "{held} are held");
        let note = "where it is marked; that it is recognised takes peers that answer \
                    (`tests/node/sampled.rs`)";
        Ok(Answer::PassWith(note.to_owned()))
    })
}

/// Looks up again and again. Returns how many candidates are known in the end.
async fn follow(node: &mut Node, check: impl Fn(&BTreeSet<String>, &BTreeSet<String>)) -> usize {
    let all = BTreeSet::from_iter(Kind::A.candidates(MEMBERS));
    let mut known = BTreeSet::new();
    for _ in 0..ANSWERS {
        node.refresh();
        let Outcome::Resolved { candidates, complete: true } = node.outcome().await else {
            panic!("an answer that claims to be complete was not taken as such");
        };
        let now = BTreeSet::from_iter(candidates);
        assert!(now.is_subset(&all) && now.len() >= SAMPLE, "{now:?}");
        check(&known, &now);
        known = now;
    }
    known.len()
}
