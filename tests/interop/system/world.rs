//! A network of hosts that find their name server in files of their own.

use std::{collections::BTreeSet, net::IpAddr, process::Command};

use serde_json::Value;

use crate::{
    net::Net,
    node::NODE,
    program::Program,
    servers::{Domain, Domains},
    suite::Answer,
    tools::Tool,
};

pub(super) const NAME: &str = "peers";
const PORT: u16 = 4001;
const COREDNS: Tool = Tool { name: "coredns", needs: "`tests/interop/run` builds it" };

/// As Kubernetes and a company's network have it.
pub(super) const SEARCH: &str = "search ns.svc.cl svc.cl cl corp.example\noptions ndots:5\n";

pub(super) struct World {
    pub(super) net: Net,
    pub(super) domains: Domains,
}

impl World {
    /// Hosts, and a name server that they all reach.
    pub(super) fn new(hosts: u8, domains: &[(&str, Domain<'_>)]) -> Result<Self, Answer> {
        NODE.find()?;
        let net = Net::new(hosts);
        let domains = serve(&net, domains)?;
        Ok(Self { net, domains })
    }

    /// Puts other domains in the place of those that there were.
    pub(super) fn serve(&mut self, domains: &[(&str, Domain<'_>)]) -> Result<(), Answer> {
        self.domains.stop();
        self.domains = serve(&self.net, domains)?;
        Ok(())
    }

    /// Writes a host's files. The name server is at the address that is put in place of `SERVER`, and the
    /// host at that in place of `HOST`.
    pub(super) fn configure(&self, host: u8, resolv_conf: &[u8], hosts: &[u8]) {
        configure(&self.net, host, resolv_conf, hosts);
    }

    /// A node that looks where its host's files say, and tells what it reads in vain.
    pub(super) fn node(&self, host: u8) -> Program {
        node(&self.net, host)
    }
}

pub(super) fn serve(net: &Net, domains: &[(&str, Domain<'_>)]) -> Result<Domains, Answer> {
    let address = net.name_server();
    Ok(Domains::start(coredns()?, &address.ip().to_string(), address, domains))
}

/// A command that runs CoreDNS where all hosts reach it.
pub(super) fn coredns() -> Result<Command, Answer> {
    COREDNS.command()
}

/// A command that runs CoreDNS on a host.
pub(super) fn coredns_on(net: &Net, host: u8) -> Result<Command, Answer> {
    Ok(net.command(host, &COREDNS.find()?))
}

pub(super) fn configure(net: &Net, host: u8, resolv_conf: &[u8], hosts: &[u8]) {
    let server = net.name_server().ip().to_string();
    let replaced = replace(resolv_conf, b"SERVER", server.as_bytes());
    net.configure(host, "resolv.conf", &replaced);
    let hosts = replace(hosts, b"HOST", net.v4(host).to_string().as_bytes());
    net.configure(host, "hosts", &[b"127.0.0.1 localhost\n", &hosts[..]].concat());
    // As Debian has it, which not every machine has.
    net.configure(host, "nsswitch.conf", b"hosts: files dns\n");
}

/// The text need not be UTF-8, and has the word once.
fn replace(text: &[u8], word: &[u8], by: &[u8]) -> Vec<u8> {
    match text.windows(word.len()).position(|part| part == word) {
        None => text.to_vec(),
        Some(at) => [&text[..at], by, &text[at + word.len()..]].concat(),
    }
}

pub(super) fn node(net: &Net, host: u8) -> Program {
    let program = NODE.find().expect("it was found before");
    let mut command = net.command(host, std::path::Path::new("env"));
    command.arg("RUST_LOG=libp2p_dns_discovery=warn").arg(program);
    command.args(["--json", "--source", &format!("/dns/{NAME}/tcp/{PORT}")]);
    command.args(["--listen", &format!("/ip4/0.0.0.0/tcp/{PORT}")]);
    command.args(["--listen", &format!("/ip6/::/tcp/{PORT}")]);
    Program::start(format!("node {host}"), &mut command)
}

/// All lists of addresses that a node has told of.
pub(super) fn told(lines: &[Value]) -> Vec<BTreeSet<IpAddr>> {
    let resolved = lines.iter().filter(|line| line["event"] == "resolved");
    resolved.map(|line| named(&line["candidates"])).collect()
}

fn named(candidates: &Value) -> BTreeSet<IpAddr> {
    let texts = candidates.as_array().into_iter().flatten().filter_map(Value::as_str);
    // `/ip4/ADDRESS/tcp/PORT`
    let ip = |text: &str| text.split('/').nth(2).and_then(|ip| ip.parse().ok());
    texts.map(|text| ip(text).unwrap_or_else(|| panic!("no address: {text}"))).collect()
}

pub(super) fn ips(texts: &[&str]) -> BTreeSet<IpAddr> {
    texts.iter().map(|text| text.parse().expect("it is an address")).collect()
}
