//! The node while it runs, and how it leaves.

use std::time::Duration;

use futures::StreamExt;
use libp2p::{Swarm, swarm::SwarmEvent};
use tokio::time::{sleep, timeout};

use crate::{
    NAME,
    behaviour::{Node, NodeEvent, silent_connection},
    common::{output::note, run::Stop},
    events::Events,
    http::Http,
    listeners::Listeners,
    publishing,
    records::Records,
};

/// How long withdrawing may take: whoever asks a process to end kills it soon after.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the others may take to notice that we leave.
const FAREWELL: Duration = Duration::from_secs(1);

/// All that a node consists of.
pub(crate) struct Running {
    pub(crate) swarm: Swarm<Node>,
    pub(crate) listeners: Listeners,
    pub(crate) records: Records,
    pub(crate) events: Events,
    pub(crate) http: Http,
}

impl Running {
    /// Runs until it cannot any more.
    pub(crate) async fn run(&mut self) -> Stop {
        loop {
            if let Err(stop) = self.turn().await {
                return stop;
            }
        }
    }

    /// Leaves: a probe hears of it first, then everybody who listens, then DNS. Those who were sent here
    /// before are served until `drain` has passed.
    pub(crate) async fn leave(&mut self, drain: Duration) -> Result<(), Stop> {
        self.events.leave(drain);
        self.http.leave(&self.events);
        let mut withdrawn = !publishing::withdraw(&mut self.swarm);
        let mut drained = std::pin::pin!(sleep(drain));
        let mut patience = std::pin::pin!(sleep(drain.max(PATIENCE)));
        while !(withdrawn && drained.is_elapsed()) {
            tokio::select! {
                event = self.turn() => {
                    withdrawn |= event?.as_ref().is_some_and(publishing::is_withdrawn);
                }
                () = &mut drained, if !drained.is_elapsed() => {}
                () = &mut patience, if !withdrawn => {
                    note(NAME, "the published addresses could not be withdrawn in time");
                    break;
                }
            }
        }
        if timeout(FAREWELL, self.part()).await.is_err() {
            note(NAME, "some connections did not close in time");
        }
        Ok(())
    }

    /// Lets one thing happen. Nothing is lost if it is dropped before.
    async fn turn(&mut self) -> Result<Option<SwarmEvent<NodeEvent>>, Stop> {
        let Self { swarm, listeners, records, events, http } = self;
        tokio::select! {
            () = records.due() => records.ask(swarm),
            () = http.due() => http.show(swarm, events),
            event = swarm.select_next_some() => {
                swarm.behaviour_mut().follow(&event);
                listeners.follow(&event)?;
                records.follow(swarm, &event, events);
                if let Some(connection) = silent_connection(&event) {
                    swarm.close_connection(connection);
                }
                events.tell(swarm, &event);
                http.follow(&event, events);
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Closes all connections, so that the others see us leave and need not find out.
    async fn part(&mut self) {
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // Fails only if there is no connection any more.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        while self.swarm.connected_peers().next().is_some() {
            let _: SwarmEvent<NodeEvent> = self.swarm.select_next_some().await;
        }
    }
}
