//! What may be the case with all candidates.

use std::{net::Ipv4Addr, time::Duration};

use libp2p::{Multiaddr, PeerId, StreamProtocol};
use libp2p_dns_discovery::{
    Answer, Config, Selection,
    hickory_proto::rr::{
        Name, RData, Record,
        rdata::{SRV, TXT},
    },
};

use super::life::{Host, Life, peer};

type Situation = fn(u32) -> Life;

pub const ALL: [(&str, Situation); 17] = [
    ("untried", |n| hosts(Config::new(), n, Host::Silent, 0)),
    ("refusing, in back-off", |n| hosts(Config::new(), n, Host::Refuses, n as usize)),
    ("refusing, due again", due),
    ("silent", silent),
    ("without a route", |n| hosts(Config::new(), n, Host::NoRoute, 64)),
    ("verified, fingers", |n| verified(Config::new(), n)),
    ("verified, lowest", |n| verified(lowest(3), n)),
    ("verified and disqualified", disqualified),
    ("verified lowest, disqualified", disqualified_lowest),
    ("ports of one host, untried", |n| one_host(n, 0)),
    ("ports of one host, exhausted", |n| one_host(n, 64)),
    ("addresses of one pinned peer", one_peer),
    ("pins at one address", |n| pins(Config::new(), n)),
    ("pins at one, few allowed", |n| pins(Config::new().with_allowed_peers((0..9).map(peer)), n)),
    ("met, protocol required", required),
    ("ours", ours),
    ("SRV, many ports, two transports", services),
];

fn name(text: &str) -> Name {
    Name::from_ascii(text).expect("a name")
}

fn lowest(n: usize) -> Config {
    Config::new().with_selection(Selection::Lowest(n.try_into().expect("not zero")))
}

fn host(i: u32) -> Multiaddr {
    format!("/ip4/{}/tcp/4001", Ipv4Addr::from(0x0a00_0000 + i)).parse().expect("an address")
}

/// A node whose source names these.
fn life(config: Config, addresses: Vec<(Multiaddr, Option<PeerId>)>, hosts: Host) -> Life {
    let owner = name("_dnsaddr.peers.example.");
    let records = addresses.iter().map(|(address, pin)| {
        let pin = pin.map_or(String::new(), |pin| format!("/p2p/{pin}"));
        let text = TXT::new(vec![format!("dnsaddr={address}{pin}")]);
        Record::from_rdata(owner.clone(), 86_400, RData::TXT(text))
    });
    let answer = Answer::new(owner.clone(), records.collect());
    let addresses = addresses.into_iter().map(|(address, _)| address).collect();
    Life::new(config, "/dnsaddr/peers.example.", &[answer], addresses, hosts)
}

/// Each at a host of its own, after so many dials.
fn hosts(config: Config, n: u32, hosts: Host, dials: usize) -> Life {
    let mut life = life(config, (0..n).map(|i| (host(i), None)).collect(), hosts);
    life.live(dials);
    life
}

fn due(n: u32) -> Life {
    let mut life = hosts(Config::new(), n, Host::Refuses, n as usize);
    life.now += Duration::from_secs(3_600);
    life.take();
    life
}

/// All have been given up once.
fn silent(n: u32) -> Life {
    let mut life = hosts(Config::new(), n, Host::Refuses, n as usize);
    life.hosts = Host::Silent;
    life.now += Duration::from_secs(3_600);
    for _ in 0..200 {
        life.now += Duration::from_millis(250);
        life.tick();
        life.take();
    }
    life
}

fn verified(config: Config, n: u32) -> Life {
    let mut life = hosts(config, n, Host::Lives, 0);
    enter(&mut life, n);
    life
}

/// A dial of others meets each of them.
fn enter(life: &mut Life, n: u32) {
    for place in 0..n {
        life.observe_at(place);
        if place % 64 == 0 {
            life.take();
        }
    }
    life.take();
}

fn disqualify(mut life: Life, n: u32) -> Life {
    for i in 0..n {
        life.core.disqualify(peer(u64::from(i)), life.now + Duration::from_secs(86_400));
    }
    life.take();
    life
}

fn disqualified(n: u32) -> Life {
    disqualify(verified(Config::new(), n), n)
}

fn disqualified_lowest(n: u32) -> Life {
    disqualify(verified(lowest(3), n), n)
}

fn one_host(n: u32, dials: usize) -> Life {
    let at = |i| format!("/ip4/10.0.0.1/tcp/{}", i + 1_000).parse().expect("an address");
    let mut life = life(Config::new(), (0..n).map(|i| (at(i), None)).collect(), Host::Refuses);
    life.live(dials.min(4));
    life
}

fn one_peer(n: u32) -> Life {
    let addresses = (0..n).map(|i| (host(i), Some(peer(7)))).collect();
    let mut life = life(Config::new(), addresses, Host::Lives);
    life.peer_at = |_| 7;
    life.live(1);
    life
}

fn pins(config: Config, n: u32) -> Life {
    let addresses = (0..n).map(|i| (host(1), Some(peer(i.into())))).collect();
    let mut life = life(config, addresses, Host::Lives);
    life.live(1);
    life
}

/// All have proved who they are, and wait to say what they speak.
fn required(n: u32) -> Life {
    let config = Config::new().with_required_protocol(StreamProtocol::new("/members/1"));
    let mut life = hosts(config, n, Host::Lives, 0);
    let probes = n as usize;
    life.live(probes);
    life
}

/// All are pinned to us.
fn ours(n: u32) -> Life {
    let addresses = (0..n).map(|i| (host(i), Some(peer(u64::MAX)))).collect();
    let mut life = life(Config::new(), addresses, Host::Silent);
    // They are being looked up again, in vain.
    life.now += Duration::from_secs(400);
    life.tick();
    life.take();
    life
}

fn services(n: u32) -> Life {
    let (owner, target) = (name("_p2p._tcp.peers.example."), name("host.example."));
    let records = (0..n / 2).map(|i| {
        let port = 1_000 + u16::try_from(i).expect("a port");
        let data = SRV::new(0, 0, port, target.clone());
        Record::from_rdata(owner.clone(), 86_400, RData::SRV(data))
    });
    let mut answer = Answer::new(owner.clone(), records.collect());
    let ip = Ipv4Addr::new(10, 0, 0, 1);
    answer.additionals = vec![Record::from_rdata(target, 86_400, RData::A(ip.into()))];
    let at = |i| format!("/ip4/{ip}/tcp/{}", 1_000 + i).parse().expect("an address");
    let source = "srv:_p2p._tcp.peers.example./udp/4001/quic-v1|/tcp/0";
    let addresses = (0..n / 2).map(at).collect();
    let mut life = Life::new(Config::new(), source, &[answer], addresses, Host::Refuses);
    life.live(8);
    life
}
