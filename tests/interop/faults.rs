//! What happens to hosts and processes, asserted from the events of the nodes alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use serde_json::Value;

use crate::{
    cluster::{Cluster, Others},
    node::{Known, is_taken_over},
    program::Program,
    suite::{Answer, Story, Suite, When},
    tools::Tool,
};

const HOSTS: u8 = 20;
/// The lowest three, which all others select.
const LOWEST: Range<u8> = 0..3;
const LINK: Tool = Tool { name: "link", needs: "Go" };

const ALL_JOIN: &str = "all join";
const NOTICED: &str = "noticed by all";
const DURING: &str = "well meanwhile";
const CALM: &str = "nobody is isolated meanwhile";
const AFTER: &str = "well afterwards";

pub(crate) fn add(suite: &mut Suite) {
    let mut row = |name, columns: &[&str], when, run: fn(&mut Story) -> Result<(), Answer>| {
        suite.follow("Fault", name, columns, when, move |story| {
            if let Err(why) = run(story) {
                story.give_up(&why);
            }
        });
    };
    let all = &[ALL_JOIN, NOTICED, DURING, AFTER];
    let calm = &[ALL_JOIN, CALM, AFTER];
    row("the lowest three are killed", all, When::InFull, killed);
    row("the lowest three are frozen", all, When::InFull, frozen);
    row("three are cut off", all, When::InFull, cut_off);
    row("five restart with a new key", &[ALL_JOIN, NOTICED, CALM, AFTER], When::Always, new_keys);
    row("all are rolled, to new addresses", calm, When::InFull, rolled);
    row(
        "half are 150 ms away, and the lowest comes back with a new key",
        calm,
        When::Always,
        |story| wired(story, 150, 0),
    );
    row(
        "half lose a tenth, and the lowest comes back with a new key",
        calm,
        When::Always,
        |story| wired(story, 0, 10),
    );
}

fn killed(story: &mut Story) -> Result<(), Answer> {
    let mut cluster = joined(story)?;
    let rest = all_but(LOWEST);
    cluster.kill(LOWEST);
    noticed(story, &cluster, LOWEST);
    cluster.wait_until_well(&rest, Others::MayBeKnown);
    story.tell(Answer::Pass);
    cluster.name(rest.iter().copied());
    cluster.wait_until_well(&rest, Others::MustBeForgotten);
    story.tell(Answer::Pass);
    Ok(())
}

fn frozen(story: &mut Story) -> Result<(), Answer> {
    let cluster = joined(story)?;
    LOWEST.for_each(|host| cluster.node_at(host).signal("STOP"));
    noticed(story, &cluster, LOWEST);
    cluster.wait_until_well(&all_but(LOWEST), Others::MayBeKnown);
    story.tell(Answer::Pass);
    LOWEST.for_each(|host| cluster.node_at(host).signal("CONT"));
    last_told(&cluster, &all_but(LOWEST), LOWEST, "verified");
    cluster.wait_until_well(&all_but(0..0), Others::MustBeForgotten);
    story.tell(Answer::Pass);
    Ok(())
}

fn cut_off(story: &mut Story) -> Result<(), Answer> {
    let cluster = joined(story)?;
    // One of the lowest, and two whom few select.
    let cut = [0, 10, 19];
    cut.iter().for_each(|host| cluster.net.cut(*host));
    cluster.all_tell(cut, "it is isolated", |lines| Known::of(lines).status == "isolated");
    last_told(&cluster, &all_but(cut), [0], "unreachable");
    story.tell(Answer::PassWith("of the lowest; few select the other two".to_owned()));
    cluster.wait_until_well(&all_but(cut), Others::MayBeKnown);
    story.tell(Answer::Pass);
    cut.iter().for_each(|host| cluster.net.mend(*host));
    cluster.wait_until_well(&all_but(0..0), Others::MustBeForgotten);
    story.tell(Answer::Pass);
    Ok(())
}

fn new_keys(story: &mut Story) -> Result<(), Answer> {
    let mut cluster = joined(story)?;
    let restarted = [0, 1, 2, 7, 13];
    let calm = Calm::from_now(&cluster, all_but(restarted));
    for host in restarted {
        let old = cluster.node_at(host).peer();
        cluster.kill([host]);
        cluster.start([host]);
        // Few know the others.
        if LOWEST.contains(&host) {
            let (address, new) = (cluster.address(host), cluster.node_at(host).peer());
            let taken_over = |lines: &[Value]| is_taken_over(lines, &address, &old, &new);
            cluster.all_tell(all_but(restarted), "another has taken its address", taken_over);
        }
    }
    story.tell(Answer::Pass);
    cluster.wait_until_well(&all_but(0..0), Others::MustBeForgotten);
    calm.holds_of_all(&cluster, &all_but(restarted));
    // Both at the end, by which all has been told.
    story.tell(Answer::Pass);
    story.tell(Answer::Pass);
    Ok(())
}

/// As a deployment is rolled: for each node a new one with a new key and address comes up, is named,
/// and the old one is told to end.
fn rolled(story: &mut Story) -> Result<(), Answer> {
    let mut cluster = Cluster::new(2 * HOSTS, 0..HOSTS)?;
    cluster.start(0..HOSTS);
    let mut living: BTreeSet<_> = (0..HOSTS).collect();
    cluster.wait_until_well(&living, Others::MustBeForgotten);
    story.tell(Answer::Pass);
    let calm = Calm::from_now(&cluster, 0..HOSTS);
    for old in 0..HOSTS {
        let new = HOSTS + old;
        cluster.start([new]);
        living.insert(new);
        living.remove(&old);
        cluster.name(living.iter().copied());
        calm.holds(old, &cluster.end(old));
        cluster.node_at(new).joins();
    }
    cluster.wait_until_well(&living, Others::MustBeForgotten);
    calm.holds_of_all(&cluster, &living);
    // Both at the end, by which all has been told.
    story.tell(Answer::Pass);
    story.tell(Answer::Pass);
    Ok(())
}

/// Half of the nodes are behind wires that delay, or lose packets, in each direction.
fn wired(story: &mut Story, delay: u32, loss: u32) -> Result<(), Answer> {
    let mut cluster = Cluster::new(HOSTS, 0..HOSTS)?;
    prepare(&cluster)?;
    let wires = (0..HOSTS).step_by(2).map(|host| wire(&cluster, host, delay, loss));
    let wires = wires.collect::<Result<Vec<_>, _>>()?;
    cluster.start(0..HOSTS);
    cluster.wait_until_well(&all_but(0..0), Others::MustBeForgotten);
    story.tell(Answer::Pass);
    let calm = Calm::from_now(&cluster, all_but(0..1));
    // The lowest, which all others select, is behind such a wire.
    cluster.kill(0..1);
    cluster.start(0..1);
    cluster.wait_until_well(&all_but(0..0), Others::MustBeForgotten);
    calm.holds_of_all(&cluster, &all_but(0..1));
    story.tell(Answer::Pass);
    let lost: u64 = wires.iter().map(lost_by).sum();
    assert_eq!(lost > 0, loss > 0, "{lost} frames were lost on the wires");
    story.tell(Answer::Pass);
    Ok(())
}

/// The kernel leaves checksums and large packets to hardware, of which such a wire has none: on all
/// hosts, and where the name server is.
fn prepare(cluster: &Cluster) -> Result<(), Answer> {
    let link = LINK.find()?;
    let hosts = (0..HOSTS).map(|host| (cluster.net.command(host, &link), "eth0".to_owned()));
    for (mut command, interface) in hosts.chain([(LINK.command()?, cluster.net.bridge())]) {
        let status = command.args(["--prepare", &interface]).status();
        assert!(status.is_ok_and(|status| status.success()), "{command:?}");
    }
    Ok(())
}

fn wire(cluster: &Cluster, host: u8, delay: u32, loss: u32) -> Result<Program, Answer> {
    let ends = cluster.net.splice(host);
    let mut command = LINK.command()?;
    command.args(["--delay", &delay.to_string(), "--loss", &loss.to_string()]);
    command.args(["--seed", &host.to_string()]).args(&ends);
    let link = Program::start(format!("the wire of host {host}"), &mut command);
    link.event("ready");
    Ok(link)
}

/// Takes a wire away. Returns how many frames it has lost; it must have carried some.
fn lost_by(wire: &Program) -> u64 {
    wire.signal("TERM");
    let ended = wire.event("ended");
    let both = |what: &str| -> u64 {
        ended[what].as_array().expect("a list").iter().filter_map(Value::as_u64).sum()
    };
    assert!(both("forwarded") > 0, "{ended}");
    both("lost")
}

/// A cluster that has formed.
fn joined(story: &mut Story) -> Result<Cluster, Answer> {
    let cluster = Cluster::of_all(HOSTS)?;
    cluster.wait_until_well(&all_but(0..0), Others::MustBeForgotten);
    story.tell(Answer::Pass);
    Ok(cluster)
}

/// All others say that these addresses are out.
fn noticed(story: &mut Story, cluster: &Cluster, gone: Range<u8>) {
    last_told(cluster, &all_but(gone.clone()), gone, "unreachable");
    story.tell(Answer::Pass);
}

/// Waits until the last that nodes have told of hosts' addresses is an event.
#[track_caller]
fn last_told(
    cluster: &Cluster,
    by: &BTreeSet<u8>,
    hosts: impl IntoIterator<Item = u8>,
    event: &str,
) {
    for host in hosts {
        let address = cluster.address(host);
        let about = |line: &&Value| line["address"] == *address;
        cluster.all_tell(by.iter().copied(), &format!("{address} is {event}"), |lines| {
            lines.iter().rfind(about).is_some_and(|line| line["event"] == *event)
        });
    }
}

/// How often each node had been isolated once all had joined. Until then, others are named who do not
/// listen yet, and the first ones are.
struct Calm(BTreeMap<u8, usize>);

impl Calm {
    fn from_now(cluster: &Cluster, hosts: impl IntoIterator<Item = u8>) -> Self {
        let count = |host| (host, cluster.node_at(host).with_lines(isolations));
        Self(hosts.into_iter().map(count).collect())
    }

    /// That what a node has told says of no more isolations than then.
    #[track_caller]
    fn holds(&self, host: u8, lines: &[Value]) {
        let before = self.0.get(&host).copied().unwrap_or_default();
        let last = lines.iter().rfind(|line| line["event"] == "isolated");
        assert!(isolations(lines) == before, "node {host} was isolated: {last:?}");
    }

    #[track_caller]
    fn holds_of_all(&self, cluster: &Cluster, hosts: &BTreeSet<u8>) {
        for host in hosts {
            cluster.node_at(*host).with_lines(|lines| self.holds(*host, lines));
        }
    }
}

fn isolations(lines: &[Value]) -> usize {
    lines.iter().filter(|line| line["event"] == "isolated").count()
}

fn all_but(some: impl IntoIterator<Item = u8>) -> BTreeSet<u8> {
    let some: BTreeSet<_> = some.into_iter().collect();
    (0..HOSTS).filter(|host| !some.contains(host)).collect()
}
