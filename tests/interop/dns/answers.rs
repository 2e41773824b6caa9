//! Names with one record to thousands of them: exactly the candidates that follow, as far as the
//! server sends them.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    time::Duration,
};

use libp2p_dns_discovery::{Config, LookupError};

use super::{
    node::{Node, Outcome, REPLY_TIME},
    records::Kind,
    world::{self, Past, assert_same, thousands},
};
use crate::{
    servers::{Brand, SERVICE, Server, Zone},
    suite::Answer,
};

const FEW: [usize; 2] = [1, 100];
const MANY: [usize; 2] = [4_091, 5_000];
/// How long a refresh takes at the most, most of it in a server with thousands of records.
const REFRESH_TIME: Duration = Duration::from_secs(2);

pub(super) fn check(brand: Brand, kind: Kind) -> Result<Answer, Answer> {
    if let Some(why) = kind.lacks(brand) {
        return Err(Answer::Cannot(why.to_owned()));
    }
    world::run(async move {
        let sizes = FEW.into_iter().chain([kind.middle()]).chain(MANY);
        let (sizes, too_many): (BTreeSet<_>, BTreeSet<_>) =
            sizes.partition(|size| kind.loads(brand, &name(brand, *size), *size));
        let mut zone = Zone::new(world::TTL);
        for size in &sizes {
            kind.put(&mut zone, &name(brand, *size), *size);
        }
        let mut server = Server::start(brand, world::address(), &zone)?;
        let mut notes = Notes::new();
        for size in sizes {
            if brand == Brand::Kubernetes {
                kind.put(&mut zone, SERVICE, size);
                server.set(&zone);
            }
            if let Some(note) = of_size(brand, kind, size, &server).await {
                notes.entry(note).or_default().push(size);
            }
        }
        if !too_many.is_empty() {
            let note = "the server does not load so many".to_owned();
            notes.insert(note, too_many.into_iter().collect());
        }
        if world::past(brand) == Past::Nothing {
            grows_past_the_limit(&mut server, &mut zone, kind).await;
        }
        Ok(answer(&notes))
    })
}

/// What is worth knowing, and of which sizes.
type Notes = BTreeMap<String, Vec<usize>>;

fn answer(notes: &Notes) -> Answer {
    let of_sizes = |(note, sizes): (&String, &Vec<usize>)| {
        let sizes: Vec<_> = sizes.iter().map(|size| thousands(*size)).collect();
        format!("of {}: {note}", sizes.join(", of "))
    };
    let notes: Vec<_> = notes.iter().map(of_sizes).collect();
    match notes.is_empty() {
        true => Answer::Pass,
        false => Answer::PassWith(notes.join("; ")),
    }
}

/// Each size has a name of its own, so that no cache knows it; Kubernetes has one.
fn name(brand: Brand, size: usize) -> String {
    match brand {
        Brand::Kubernetes => SERVICE.to_owned(),
        _ => format!("n{size}"),
    }
}

/// What is worth knowing of a name with so many members.
async fn of_size(brand: Brand, kind: Kind, size: usize, server: &Server) -> Option<String> {
    let (name, wanted) = (name(brand, size), kind.candidates(size));
    if kind == Kind::Srv && size == 100 && world::omits_glue(brand) {
        return Some(without_glue(server, &kind.source(brand, &name), &wanted).await);
    }
    let mut node = Node::new(server.address(), &kind.source(brand, &name));
    let outcome = node.outcome().await;
    let fits = kind.fits(brand, &name, size);
    match (outcome, world::past(brand)) {
        (Outcome::Resolved { candidates, complete: true }, _) if fits => {
            assert_same(&candidates, &wanted, &format!("of {size}"));
            None
        }
        (Outcome::Resolved { candidates, complete: false }, Past::Part) if !fits => {
            Some(part(&mut node, brand, kind, candidates, &wanted).await)
        }
        (Outcome::Failed(LookupError::ServerFailed(why)), Past::Nothing) if !fits => {
            Some(format!("none ({})", world::without_address(&why, server)))
        }
        (outcome, _) => panic!("of {size}, which fits: {fits}: {}", brief(&outcome)),
    }
}

/// Where the addresses of targets do not come along, each is looked up, twice: as many as a refresh
/// may look up by default, and all where it may look up more.
async fn without_glue(server: &Server, source: &str, wanted: &[String]) -> String {
    let mut node = Node::new(server.address(), source);
    match node.outcome().await {
        Outcome::Resolved { candidates, complete: false } => {
            assert_same(&candidates, &wanted[..64], "without addresses")
        }
        outcome => panic!("of 100 without addresses: {}", brief(&outcome)),
    }
    let config = Config::new().map_limits(|l| l.with_lookups_per_refresh(nz(1_000)));
    let mut node = Node::with(config, REPLY_TIME, [server.address()], source);
    node.resolves(wanted).await;
    "64, as their addresses do not come along and a refresh makes 128 look-ups; all, where it may \
     make more"
        .to_owned()
}

fn nz(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("it is not zero")
}

/// A part is used, and what another look-up brings is added to it.
async fn part(
    node: &mut Node,
    brand: Brand,
    kind: Kind,
    first: Vec<String>,
    wanted: &[String],
) -> String {
    assert!(!first.is_empty());
    node.refresh();
    match brand {
        // Those that shuffle: some more come, however long it takes.
        Brand::CoreDns | Brand::Kubernetes if matches!(kind, Kind::A | Kind::Aaaa) => {
            node.grows(first.len()).await;
        }
        _ => node.resolves_within(REFRESH_TIME).await,
    }
    let (first, both) = (BTreeSet::from_iter(first), BTreeSet::from_iter(node.candidates()));
    assert!(first.is_subset(&both), "{} of {} are left", both.len(), first.len());
    assert!(both.is_subset(&wanted.iter().cloned().collect()), "somebody else is there");
    let in_order: Vec<_> = wanted.iter().filter(|c| both.contains(*c)).cloned().collect();
    assert_same(&node.candidates(), &in_order, "after two parts");
    let (missing, more) = (wanted.len() - first.len(), both.len() - first.len());
    let next = match more {
        0 => "the same each time",
        more if more * 10 < missing => "hardly more with the next answer",
        _ => "more with the next answer",
    };
    match kind {
        Kind::Srv if missing == 0 => "all, by the addresses of the service's name".to_owned(),
        // How many of them the targets' addresses are, and how many the name's, is by chance.
        Kind::Srv => format!("more than {},000, {next}", first.len() / 1_000),
        _ => format!("{} at a time, {next}", thousands(first.len())),
    }
}

/// Where nothing is sent of too many, what was known before is kept.
async fn grows_past_the_limit(server: &mut Server, zone: &mut Zone, kind: Kind) {
    const GROWING: &str = "growing";
    const BEFORE: usize = 10;
    kind.put(zone, GROWING, BEFORE);
    server.set(zone);
    let mut node = Node::new(server.address(), &kind.source(server.brand(), GROWING));
    let before = kind.candidates(BEFORE);
    node.resolves(&before).await;
    kind.put(zone, GROWING, kind.middle());
    server.set(zone);
    node.refresh();
    // A cache may still know those before.
    let error = node.fails().await;
    assert!(matches!(error, LookupError::ServerFailed(_)), "{error:?}");
    assert_same(&node.candidates(), &before, "what was known");
}

fn brief(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Resolved { candidates, complete } => {
            format!("{} candidates, complete: {complete}", candidates.len())
        }
        Outcome::Failed(error) => format!("{error:?}"),
    }
}
