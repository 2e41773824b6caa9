//! Hosts with a `resolv.conf` and a hosts file of their own: where a node looks, and what it takes, beside
//! what glibc makes of the same files.

use crate::{
    servers::Code,
    suite::{Answer, Suite, When},
};

mod changing;
mod finding;
mod world;

const PART: &str = "System files";
const NODE: &str = "`node`";
const GLIBC: &str = "glibc finds";

pub(crate) fn add(suite: &mut Suite) {
    for case in finding::CASES {
        suite.follow(PART, case.row, &[NODE, GLIBC], When::Always, move |story| {
            if let Err(why) = finding::check(story, case) {
                story.give_up(&why);
            }
        });
    }
    add_changing(suite);
}

fn add_changing(suite: &mut Suite) {
    let mut row = |name: &str, when, run: fn() -> Result<Answer, Answer>| {
        suite.ask(PART, name, NODE, when, move || run().unwrap_or_else(|cannot| cannot));
    };
    row(
        "members are known when the first domain fails; a wildcard in the last one has others",
        When::InFull,
        changing::members_stay,
    );
    row("no domain has the name, and the last one fails: it is alone", When::Always, || {
        changing::alone_at(Code::ServFail)
    });
    row("no domain has the name, and the last one refuses: it is alone", When::InFull, || {
        changing::alone_at(Code::Refused)
    });
    row(
        "no domain has the name, and the last one is silent: it is alone",
        When::InFull,
        changing::alone_at_silence,
    );
    row("the hosts files of two name only themselves: they join", When::Always, changing::two_join);
}
