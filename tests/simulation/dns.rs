//! What DNS tells each node: all of it, a view, a sample, a cut, or nothing.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use libp2p_dns_discovery::{
    Answer, LookupError,
    hickory_proto::rr::{Name, RData, Record},
};
use web_time::Instant;

use crate::world::ip;

/// What a node's resolver sees of the members.
#[derive(Debug, Clone, Copy)]
pub enum View {
    /// All of them.
    All,
    /// A part of them, chosen once for each node: this many in a hundred.
    Percent(u8),
    /// This many, chosen anew for every answer, without saying so.
    Sample(usize),
    /// This many, chosen anew for every answer, which says that it was cut.
    Cut(usize),
}

/// How DNS fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// No server answers.
    Silent,
    /// Every answer is SERVFAIL.
    ServerFailed,
    /// Every answer is NXDOMAIN.
    Empty,
    /// One answer in so many is NXDOMAIN.
    NxDomainOneIn(u64),
}

/// The name service.
#[derive(Debug)]
pub struct Dns {
    /// The nodes that the name stands for.
    pub members: BTreeSet<usize>,
    pub view: View,
    pub fault: Fault,
    pub ttl: u32,
    /// Look-ups in each second since the first.
    pub load: HashMap<u64, usize>,
    first: Option<Instant>,
    seed: u64,
    rng: fastrand::Rng,
}

impl Dns {
    pub fn new(seed: u64) -> Self {
        Self {
            members: BTreeSet::new(),
            view: View::All,
            fault: Fault::None,
            ttl: 30,
            load: HashMap::new(),
            first: None,
            seed,
            rng: fastrand::Rng::with_seed(seed ^ 0xd15),
        }
    }

    /// The answer to a node, or `None` if there never is one.
    pub fn answer(&mut self, node: usize, now: Instant) -> Option<Result<Answer, LookupError>> {
        let second = (now - *self.first.get_or_insert(now)).as_secs();
        *self.load.entry(second).or_default() += 1;
        let nothing = || Err(LookupError::nx_domain(Some(Duration::from_secs(5))));
        match self.fault {
            Fault::Silent => return None,
            Fault::ServerFailed => {
                return Some(Err(LookupError::ServerFailed("SERVFAIL".into())));
            }
            Fault::Empty => return Some(nothing()),
            Fault::NxDomainOneIn(n) if self.rng.u64(..n) == 0 => return Some(nothing()),
            Fault::NxDomainOneIn(_) | Fault::None => {}
        }
        let mut seen: Vec<usize> =
            self.members.iter().copied().filter(|m| self.sees(node, *m)).collect();
        self.rng.shuffle(&mut seen);
        let complete = match self.view {
            View::Cut(n) => {
                let cut = seen.len() > n;
                seen.truncate(n);
                !cut
            }
            View::Sample(n) => {
                seen.truncate(n);
                true
            }
            View::All | View::Percent(_) => true,
        };
        if seen.is_empty() {
            return Some(nothing());
        }
        let name = Name::from_ascii("peers.test.").expect("a name");
        let record =
            |m: &usize| Record::from_rdata(name.clone(), self.ttl, RData::A(ip(*m).into()));
        let records = seen.iter().map(record).collect();
        Some(Ok(Answer::new(name.clone(), records).with_complete(complete)))
    }

    fn sees(&self, node: usize, member: usize) -> bool {
        match self.view {
            View::Percent(percent) if node != member => {
                let pair = (node as u64) << 32 | member as u64;
                fastrand::Rng::with_seed(self.seed ^ pair.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                    .u8(..100)
                    < percent
            }
            _ => true,
        }
    }
}
