//! Twenty nodes on hosts of their own, behind one name of a real name server.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

use crate::{
    names,
    net::Net,
    node::{Known, NODE},
    program::{PATIENCE, Program},
    servers::Server,
    suite::Answer,
};

const PORT: u16 = 4001;
/// How often a condition that many programs must meet is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// The nodes that run, by their hosts.
pub(crate) struct Cluster {
    pub(crate) net: Net,
    server: Server,
    nodes: BTreeMap<u8, Program>,
}

impl Cluster {
    /// Hosts and a name server that names the given ones.
    pub(crate) fn new(hosts: u8, named: impl IntoIterator<Item = u8>) -> Result<Self, Answer> {
        NODE.find()?;
        let net = Net::new(hosts);
        let server = names::serve(&net, named)?;
        Ok(Self { net, server, nodes: BTreeMap::new() })
    }

    /// A cluster all nodes of which run.
    pub(crate) fn of_all(hosts: u8) -> Result<Self, Answer> {
        let mut cluster = Self::new(hosts, 0..hosts)?;
        cluster.start(0..hosts);
        Ok(cluster)
    }

    /// Starts nodes with new keys.
    pub(crate) fn start(&mut self, hosts: impl IntoIterator<Item = u8>) {
        for host in hosts {
            let node = self.node(host);
            self.nodes.insert(host, node);
        }
    }

    fn node(&self, host: u8) -> Program {
        let program = NODE.find().expect("it was found before");
        let mut command = self.net.command(host, &program);
        command.args(["--json", "--source", &format!("/dns/peers.test./tcp/{PORT}")]);
        command.args(["--dns", &self.net.name_server().to_string()]);
        // On the host's address and on loopback, as a pod does.
        command.args(["--listen", &format!("/ip4/0.0.0.0/tcp/{PORT}")]);
        Program::start(format!("node {host}"), &mut command)
    }

    /// Kills nodes: they say farewell to nobody.
    pub(crate) fn kill(&mut self, hosts: impl IntoIterator<Item = u8>) {
        for host in hosts {
            self.nodes.remove(&host);
        }
    }

    /// Tells a node to end, and waits until it has. Returns what it has told.
    pub(crate) fn end(&mut self, host: u8) -> Vec<Value> {
        let mut node = self.nodes.remove(&host).expect("it runs");
        node.signal("TERM");
        assert_eq!(node.finish(), Some(0), "node {host} ends cleanly");
        node.with_lines(<[Value]>::to_vec)
    }

    /// Lets DNS name these hosts and no others.
    pub(crate) fn name(&mut self, hosts: impl IntoIterator<Item = u8>) {
        self.server.set(&names::zone(&self.net, hosts));
    }

    pub(crate) fn node_at(&self, host: u8) -> &Program {
        &self.nodes[&host]
    }

    pub(crate) fn address(&self, host: u8) -> String {
        format!("/ip4/{}/tcp/{PORT}", self.net.v4(host))
    }

    /// Waits until all of some nodes have told something that they have to.
    #[track_caller]
    pub(crate) fn all_tell(
        &self,
        hosts: impl IntoIterator<Item = u8>,
        what: &str,
        told: impl Fn(&[Value]) -> bool,
    ) {
        for host in hosts {
            self.nodes[&host].wait_until(what, |lines| told(lines).then_some(()));
        }
    }

    /// Waits until these nodes have all joined and are one component, and know of each other what
    /// is true. What they know of others who are not among these does not matter, unless it must
    /// be nothing.
    #[track_caller]
    pub(crate) fn wait_until_well(&self, hosts: &BTreeSet<u8>, others: Others) {
        let deadline = Instant::now() + PATIENCE;
        while let Err(lack) = self.is_well(hosts, others) {
            assert!(Instant::now() < deadline, "it does not become well: {lack}");
            thread::park_timeout(LOOK);
        }
    }

    fn is_well(&self, hosts: &BTreeSet<u8>, others: Others) -> Result<(), String> {
        let ids: BTreeMap<_, _> =
            hosts.iter().map(|host| (self.address(*host), self.nodes[host].peer())).collect();
        let mut reached: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for host in hosts {
            let known = self.nodes[host].with_lines(Known::of);
            if !known.is_joined() {
                return Err(format!("node {host} is {}", known.status));
            }
            let me = self.address(*host);
            for (address, peer) in known.peers {
                match ids.get(&address) {
                    Some(id) if *id != peer => {
                        return Err(format!("node {host} takes {peer} for {id} at {address}"));
                    }
                    Some(_) => {
                        reached.entry(me.clone()).or_default().insert(address.clone());
                        reached.entry(address).or_default().insert(me.clone());
                    }
                    None if others == Others::MustBeForgotten => {
                        return Err(format!("node {host} still knows {peer} at {address}"));
                    }
                    None => {}
                }
            }
        }
        let component = component(&reached, &self.address(*hosts.first().expect("some")));
        match component.len() == hosts.len() {
            true => Ok(()),
            false => Err(format!("{} of {} are one component", component.len(), hosts.len())),
        }
    }
}

/// What nodes may know of those who are no longer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    MayBeKnown,
    MustBeForgotten,
}

/// All that can be reached from one.
fn component(reached: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut component = BTreeSet::from([from.to_owned()]);
    let mut next = vec![from.to_owned()];
    while let Some(address) = next.pop() {
        for other in reached.get(&address).into_iter().flatten() {
            if component.insert(other.clone()) {
                next.push(other.clone());
            }
        }
    }
    component
}
