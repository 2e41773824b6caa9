//! How many records each server sends of a name that has many: what the crate has to live with.

use std::collections::BTreeSet;

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::RData,
};

use super::{records::Kind, world};
use crate::{
    servers::{Brand, SERVICE, Server, Zone, ask_over_tcp, ask_over_udp},
    suite::Answer,
};

pub(super) fn check(brand: Brand) -> Result<Answer, Answer> {
    let mut told = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| kind.lacks(brand).is_none()) {
        let mut zone = Zone::new(world::TTL);
        kind.put(&mut zone, SERVICE, kind.middle());
        let server = Server::start(brand, world::address(), &zone)?;
        let name = kind.owner(brand, SERVICE);
        let ask = |tcp: bool| {
            let ask = if tcp { ask_over_tcp } else { ask_over_udp };
            ask(server.address(), &name, kind.record_type()).expect("it answers")
        };
        let (udp, one, other) = (ask(false), ask(true), ask(true));
        for reply in [&udp, &one] {
            assert!(reply.metadata.truncation || failed(reply), "{kind:?} {:?}", reply.metadata);
        }
        let how = if data(&one) == data(&other) { "the same" } else { "others" };
        told.push(format!(
            "{kind:?}: {} over UDP, {} over TCP, {how} each time",
            say(&udp),
            say(&one)
        ));
    }
    Ok(Answer::PassWith(told.join("; ")))
}

fn failed(reply: &Message) -> bool {
    reply.metadata.response_code != ResponseCode::NoError
}

fn say(reply: &Message) -> String {
    match failed(reply) {
        true => format!("{:?}", reply.metadata.response_code),
        false => reply.answers.len().to_string(),
    }
}

fn data(reply: &Message) -> BTreeSet<&RData> {
    reply.answers.iter().map(|record| &record.data).collect()
}
