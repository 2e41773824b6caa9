//! A name of one label, looked up once as a node does, and once as glibc does.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv6Addr},
    path::Path,
};

use hickory_proto::rr::RecordType;

use super::world::{self, NAME, SEARCH};
use crate::{
    net::Net,
    program::Program,
    servers::{Code, Domain, Domains},
    suite::{Answer, Story},
};

/// Where the name server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// On the bridge, at an address that stands in `resolv.conf`.
    Bridge,
    /// There too, at an address on the link.
    Link,
    /// On the host itself.
    Host,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) row: &'static str,
    at: At,
    resolv_conf: &'static [u8],
    /// What follows there.
    search: &'static str,
    hosts: &'static [u8],
    domains: &'static [(&'static str, Domain<'static>)],
    found: &'static [&'static str],
    /// What must never be asked, and is what the server is there to show.
    never_asked: &'static [(RecordType, &'static str)],
    /// What the node says of what it cannot read.
    warns: &'static [&'static str],
}

const PLAIN: &[u8] = b"nameserver SERVER\n";
const ONE: &str = "peers A 10.99.0.1\n";
const WILDCARD: Domain<'_> = Domain::Has("* A 10.99.0.66\n* AAAA 2001:db8::bad\n");
const BEFORE: Case = Case {
    row: "",
    at: At::Bridge,
    resolv_conf: PLAIN,
    search: SEARCH,
    hosts: b"",
    domains: &[("ns.svc.cl", Domain::Has(ONE))],
    found: &["10.99.0.1"],
    never_asked: &[],
    warns: &[],
};
/// How often a node has looked by the time that what it has told is read.
const LOOKS: usize = 2;

pub(super) const CASES: [Case; 9] = [
    Case {
        row: "the first domain has A, a wildcard in the last one has AAAA",
        domains: &[("ns.svc.cl", Domain::Has(ONE)), ("corp.example", WILDCARD)],
        never_asked: &[
            (RecordType::AAAA, "peers.corp.example."),
            (RecordType::AAAA, "peers.svc.cl."),
        ],
        ..BEFORE
    },
    Case {
        row: "the first domain fails, the second has the name",
        domains: &[
            ("ns.svc.cl", Domain::Fails(Code::ServFail)),
            ("svc.cl", Domain::Has(ONE)),
            ("corp.example", WILDCARD),
        ],
        never_asked: &[(RecordType::AAAA, "peers.corp.example.")],
        ..BEFORE
    },
    Case {
        row: "the first domain refuses, the second has the name",
        domains: &[
            ("ns.svc.cl", Domain::Fails(Code::Refused)),
            ("svc.cl", Domain::Has(ONE)),
            ("corp.example", WILDCARD),
        ],
        never_asked: &[(RecordType::AAAA, "peers.corp.example.")],
        ..BEFORE
    },
    Case {
        row: "the first domain is silent, the second has the name",
        domains: &[
            ("ns.svc.cl", Domain::IsSilent),
            ("svc.cl", Domain::Has(ONE)),
            ("corp.example", WILDCARD),
        ],
        never_asked: &[(RecordType::AAAA, "peers.corp.example.")],
        ..BEFORE
    },
    Case {
        row: "the hosts file has an address of one family, and lines that cannot be read; DNS has both",
        hosts: b"nonsense peers\n10.99.0.9 caf\xe9\n10.99.0.1 peers\n",
        domains: &[("ns.svc.cl", Domain::Has("peers A 10.99.0.2\npeers AAAA fd00::2\n"))],
        never_asked: &[(RecordType::A, "peers.ns.svc.cl."), (RecordType::AAAA, "peers.ns.svc.cl.")],
        warns: &["a line of the hosts file cannot be read"],
        ..BEFORE
    },
    Case {
        row: "`resolv.conf` has lines and a domain that cannot be read",
        search: "search a..b ns.svc.cl\n",
        resolv_conf: b"nonsense\nnameserver \xff\nnameserver SERVER # caf\xe9\n",
        warns: &[
            "a line of resolv.conf",
            "a name server in resolv.conf",
            "a domain in resolv.conf",
        ],
        ..BEFORE
    },
    Case {
        row: "no `nameserver`, a server on the host itself",
        at: At::Host,
        resolv_conf: b"# none\n",
        warns: &["resolv.conf names no server"],
        ..BEFORE
    },
    Case {
        row: "a server on the link, with a scope",
        at: At::Link,
        resolv_conf: b"nameserver fe80::53%eth0\n",
        ..BEFORE
    },
    Case {
        row: "the name is in both families in the first domain",
        domains: &[("ns.svc.cl", Domain::Has("peers A 10.99.0.1\npeers AAAA fd00::1\n"))],
        found: &["10.99.0.1", "fd00::1"],
        ..BEFORE
    },
];

/// Both end with the server, whose record of what it was asked is read in between.
pub(super) fn check(story: &mut Story, case: Case) -> Result<(), Answer> {
    crate::node::NODE.find()?;
    let net = Net::new(1);
    let domains = serve(&net, case)?;
    world::configure(&net, 0, &[case.resolv_conf, case.search.as_bytes()].concat(), case.hosts);
    let found = world::ips(case.found);
    let node = world::node(&net, 0);
    looks_twice(&node, &domains, case);
    for told in node.with_lines(world::told) {
        assert_eq!(told, found, "{}", node.stderr());
    }
    for (record_type, name) in case.never_asked {
        assert_eq!(domains.times(*record_type, name), 0, "{record_type} of {name} is asked");
    }
    for warning in case.warns {
        assert!(node.stderr().contains(warning), "no {warning:?} in: {}", node.stderr());
    }
    story.tell(Answer::Pass);
    drop(node);
    story.tell(Answer::Told(compare(&getent(&net)?, &found)));
    Ok(())
}

fn serve(net: &Net, case: Case) -> Result<Domains, Answer> {
    let host = net.v4(0);
    match case.at {
        At::Bridge => world::serve(net, case.domains),
        At::Link => {
            net.add_to_link(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x53));
            let command = world::coredns()?;
            Ok(Domains::start(command, &net.bridge(), net.name_server(), case.domains))
        }
        At::Host => {
            let listen = format!("127.0.0.1 {host}");
            let command = world::coredns_on(net, 0)?;
            Ok(Domains::start(command, &listen, (host, 53).into(), case.domains))
        }
    }
}

/// Waits until the node has resolved its source, and has looked again after that.
fn looks_twice(node: &Program, domains: &Domains, case: Case) {
    node.event("resolved");
    let first = format!("{NAME}.{}.", case.domains[0].0);
    if case.never_asked.contains(&(RecordType::A, &first)) {
        // Nobody tells of a second look; but who is named was tried for a while.
        node.event("isolated");
        return;
    }
    let before = domains.times(RecordType::A, &first);
    domains.is_asked(RecordType::A, &first, before + LOOKS);
}

/// What another finds, beside what is right. It differs from version to version, and is no test.
fn compare(found: &BTreeSet<IpAddr>, right: &BTreeSet<IpAddr>) -> String {
    match found {
        found if found == right => "the same".to_owned(),
        found if found.is_empty() => "nothing".to_owned(),
        found => Vec::from_iter(found.iter().map(ToString::to_string)).join(", "),
    }
}

/// What a program finds that asks glibc.
fn getent(net: &Net) -> Result<BTreeSet<IpAddr>, Answer> {
    let mut command = net.command(0, Path::new("getent"));
    let output = command
        .args(["ahosts", NAME])
        .output()
        .map_err(|error| Answer::Cannot(format!("`getent` cannot be run: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let first = |line: &str| line.split_whitespace().next().and_then(|ip| ip.parse().ok());
    Ok(text.lines().filter_map(first).collect())
}
