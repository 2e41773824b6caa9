//! An application's own way to the name server.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake},
};

use futures::{FutureExt, StreamExt};
use hickory_proto::rr::{Name, rdata::TXT};
use libp2p_dns_discovery::{
    hickory_proto,
    publish::{Event, ExchangeFuture, Update, Updater},
};

use crate::world::{HERE, OWNER, ZONE, config, entry, next, node_with, published};

/// A zone in memory.
#[derive(Default)]
struct Memory {
    records: Mutex<Vec<TXT>>,
    updates: Mutex<Vec<Update>>,
}

impl Updater for Memory {
    fn read(&self, owner: Name) -> ExchangeFuture<Vec<TXT>> {
        assert_eq!(owner.to_ascii(), OWNER);
        let records = self.records.lock().unwrap().clone();
        async move { Ok(records) }.boxed()
    }

    fn update(&self, update: Update) -> ExchangeFuture<()> {
        let mut records = self.records.lock().unwrap();
        records.retain(|txt| !update.delete.contains(txt));
        records.extend(update.add.clone());
        self.updates.lock().unwrap().push(update);
        async move { Ok(()) }.boxed()
    }
}

#[tokio::test]
async fn any_updater_will_do() {
    let memory = Arc::new(Memory::default());
    let updater: Arc<dyn Updater> = Arc::clone(&memory) as _;
    let mut node = node_with(updater, config());
    node.add_external_address(HERE.parse().unwrap());
    published(&mut node, &[HERE]).await;
    let entry = entry(HERE, node.local_peer_id());
    let texts = || -> Vec<_> {
        let records = memory.records.lock().unwrap();
        records.iter().map(|txt| String::from_utf8(txt.txt_data.concat()).unwrap()).collect()
    };
    assert_eq!(texts(), [entry]);
    assert_eq!(node.behaviour().published().len(), 1);
    node.behaviour_mut().withdraw();
    assert!(matches!(next(&mut node).await, Event::Withdrawn));
    assert!(texts().is_empty());
    let updates = memory.updates.lock().unwrap();
    assert_eq!(updates.len(), 2);
    assert!(updates.iter().all(|update| update.zone.to_ascii() == ZONE));
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn whoever_polls_the_swarm_is_woken_to_withdraw() {
    let mut node = node_with(Memory::default(), config());
    let woken = Arc::new(Woken::default());
    let waker = Arc::clone(&woken).into();
    assert!(node.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
    let before = woken.0.load(Ordering::Relaxed);
    node.behaviour_mut().withdraw();
    assert!(woken.0.load(Ordering::Relaxed) > before);
    assert!(matches!(next(&mut node).await, Event::Withdrawn));
}
