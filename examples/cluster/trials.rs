//! What happens to a cluster that has formed: DNS fails for a while, and all nodes are restarted.

use std::{collections::HashSet, time::Duration};

use libp2p::PeerId;
use libp2p_dns_discovery::resolver::zone::Zone;

use crate::{
    args::Args,
    common::run::Stop,
    dns_server::{DnsServer, Mode},
    lines::{Line, Stage},
    picture::Picture,
    place::Held,
    plan::{Home, Plan},
    wanted::{Pace, lowest_selected_by},
    watch::Watch,
};

/// In how many steps all nodes are restarted, at most.
const STEPS: usize = 20;

/// What an outage of the DNS server came to.
#[derive(Debug)]
pub(crate) struct Outage {
    /// How many nodes told that DNS gives no answer.
    pub(crate) noticed: usize,
    /// How many nodes were not joined at some time, or lost a peer.
    pub(crate) left: usize,
    /// How many nodes have selected the one that came afterwards.
    pub(crate) late_selected_by: usize,
    /// Nobody left, and the one that came afterwards is selected by whom it should be.
    pub(crate) passed: bool,
}

/// What a restart of all nodes came to.
#[derive(Debug)]
pub(crate) struct Restart {
    /// How many nodes came back and joined.
    pub(crate) restarted: usize,
    /// All did, nobody believes in an old id, and the cluster is formed again.
    pub(crate) passed: bool,
}

/// What became of the trials that were asked for. `None` is one that was not asked for, or not
/// begun.
#[derive(Debug, Default)]
pub(crate) struct Trials {
    pub(crate) outage: Option<Outage>,
    pub(crate) restart: Option<Restart>,
}

impl Trials {
    /// Whether all that was asked for ended as it should.
    pub(crate) fn passed(&self, args: &Args) -> bool {
        let outage = self.outage.as_ref().is_some_and(|outage| outage.passed);
        let restart = self.restart.as_ref().is_some_and(|restart| restart.passed);
        (outage || args.dns_outage.is_none()) && (restart || !args.restart)
    }
}

/// What the trials are made with.
pub(crate) struct Stand<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) args: &'a Args,
    pub(crate) server: &'a DnsServer,
    pub(crate) zone: &'a Zone,
    /// The address of the node that comes late.
    pub(crate) reserved: Option<Held>,
}

impl Stand<'_> {
    /// Makes one trial after the other, until one goes wrong.
    pub(crate) async fn run(mut self, watch: &mut Watch) -> Result<Trials, Stop> {
        let mut trials = Trials::default();
        if let Some(duration) = self.args.dns_outage {
            let outage = self.outage(watch, duration).await?;
            let passed = trials.outage.insert(outage).passed;
            if !passed {
                return Ok(trials);
            }
        }
        if self.args.restart {
            trials.restart = Some(self.restart(watch).await?);
        }
        Ok(trials)
    }

    async fn outage(&mut self, watch: &mut Watch, duration: Duration) -> Result<Outage, Stop> {
        watch.print(&Line::stage(Stage::DnsOutage, watch.elapsed()))?;
        self.server.set_mode(Mode::Silent);
        let before = watch.nodes.look();
        let mut left = HashSet::new();
        let mut noticed = 0;
        // It lasts as long as it was asked to: there is nothing else to wait for.
        watch
            .until(duration, |picture| {
                left.extend(picture.left_since(&before));
                noticed = picture.noticed_since(&before);
                false
            })
            .await?;
        self.server.set_mode(Mode::Answer);
        watch.print(&Line::stage(Stage::DnsBack, watch.elapsed()))?;
        let (found, late_selected_by) = self.late(watch).await?;
        let passed = left.is_empty() && found;
        Ok(Outage { noticed, left: left.len(), late_selected_by, passed })
    }

    /// Starts the node that comes late, names it, and waits until it is selected.
    async fn late(&mut self, watch: &mut Watch) -> Result<(bool, usize), Stop> {
        let Some(home) = self.plan.late() else { return Ok((false, 0)) };
        self.reserved = None;
        watch.nodes.add(home)?;
        self.plan.publish(self.zone, true);
        let counts = watch.nodes.counts();
        let wanted = lowest_selected_by(counts, self.args.select);
        let address = home.address.multiaddr();
        let found = watch
            .until(Pace::new(counts, self.args.select).notice(), |picture| {
                picture.selected_by(&address) >= wanted && picture.is_formed()
            })
            .await?;
        Ok((found, watch.picture().selected_by(&address)))
    }

    async fn restart(&self, watch: &mut Watch) -> Result<Restart, Stop> {
        watch.print(&Line::stage(Stage::Restart, watch.elapsed()))?;
        let homes: Vec<_> = self.plan.homes().iter().chain(self.late_home(watch)).collect();
        let step = homes.len().div_ceil(STEPS);
        let mut restarted = 0;
        for (i, homes) in homes.chunks(step).enumerate() {
            let numbers = i * step..;
            let back = numbers.zip(homes).map(|(n, home)| (n, watch.nodes.restart(n, home)));
            let back: Vec<(usize, PeerId)> = back.collect();
            let joined = |picture: &Picture, (n, peer): &(usize, PeerId)| {
                picture.samples[*n].peer == *peer && picture.samples[*n].joined
            };
            let all = |picture: &Picture| back.iter().all(|b| joined(picture, b));
            let done = watch.until(self.args.timeout, all).await?;
            restarted += back.iter().filter(|b| joined(watch.picture(), b)).count();
            if !done {
                return Ok(Restart { restarted, passed: false });
            }
        }
        watch.print(&Line::stage(Stage::Restarted, watch.elapsed()))?;
        let pace = Pace::new(watch.nodes.counts(), self.args.select);
        let settled = |picture: &Picture| picture.is_formed() && picture.stale == 0;
        let passed = watch.until(pace.disbelief(), settled).await?;
        Ok(Restart { restarted, passed })
    }

    /// The node that came late, if it did.
    fn late_home(&self, watch: &Watch) -> Option<&Home> {
        let came = watch.nodes.counts().living > self.plan.homes().len();
        self.plan.late().filter(|_| came)
    }
}
