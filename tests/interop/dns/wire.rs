//! How many records each server sends of a name that has many: what the crate has to live with.

use std::collections::BTreeSet;

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::RData,
};

use super::{
    records::{Kind, MESSAGE},
    world::{self, Past, thousands},
};
use crate::{
    servers::{Brand, SERVICE, Server, UDP_PAYLOAD, Zone, ask_over_tcp, ask_over_udp},
    suite::Answer,
};

pub(super) fn check(brand: Brand) -> Result<Answer, Answer> {
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.lacks(brand).is_none());
    let told: Result<Vec<_>, _> = kinds.map(|kind| of_kind(brand, kind)).collect();
    Ok(Answer::PassWith(told?.join("; ")))
}

fn of_kind(brand: Brand, kind: Kind) -> Result<String, Answer> {
    let mut zone = Zone::new(world::TTL);
    kind.put(&mut zone, SERVICE, kind.middle());
    let server = Server::start(brand, world::address(), &zone)?;
    let (address, name) = (server.address(), kind.owner(brand, SERVICE));
    let over_tcp = || ask_over_tcp(address, &name, kind.record_type()).expect("it answers");
    let udp = ask_over_udp(address, &name, kind.record_type()).expect("it answers");
    let (tcp, other) = (over_tcp(), over_tcp());
    for (reply, bytes) in [(&udp, UDP_PAYLOAD.into()), (&tcp, MESSAGE)] {
        is_cut(reply, brand, kind, bytes);
    }
    let shuffles = matches!(brand, Brand::CoreDns | Brand::CoreDnsCache | Brand::Kubernetes)
        && matches!(kind, Kind::A | Kind::Aaaa);
    if shuffles && brand != Brand::CoreDnsCache {
        assert_ne!(data(&tcp), data(&other), "it shuffles before it cuts");
    }
    let how = match world::past(brand) {
        Past::Nothing => "",
        Past::Part if data(&tcp) == data(&other) => ", the same each time",
        Past::Part => ", others each time",
    };
    let (all, column) = (thousands(kind.middle()), kind.column());
    Ok(format!("{column}: of {all} {} over UDP, {} over TCP{how}", say(&udp), say(&tcp)))
}

/// It fails, or says that it is cut, and holds as much as there is room for, or nothing.
#[track_caller]
fn is_cut(reply: &Message, brand: Brand, kind: Kind, bytes: usize) {
    let (code, there) = (reply.metadata.response_code, reply.answers.len());
    assert!(reply.metadata.truncation || code == ResponseCode::ServFail, "{:?}", reply.metadata);
    let room = match world::past(brand) {
        Past::Nothing => 0,
        // Its targets have names of their own.
        Past::Part if brand == Brand::Kubernetes && kind == Kind::Srv => there,
        Past::Part => kind.capacity(brand, SERVICE, bytes),
    };
    // EDNS does not always come back, nor do the records of the zone's server; and texts are not
    // all of the same length.
    let slack = if kind == Kind::Dnsaddr { 1 + room / 100 } else { 2 };
    let about = there.abs_diff(room) <= slack;
    assert!(about, "{there} {} of {room} for which there is room", kind.column());
}

fn say(reply: &Message) -> String {
    match reply.metadata.response_code {
        ResponseCode::NoError => thousands(reply.answers.len()),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        code => code.to_string(),
    }
}

fn data(reply: &Message) -> BTreeSet<&RData> {
    reply.answers.iter().map(|record| &record.data).collect()
}
