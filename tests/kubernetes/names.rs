//! What DNS names, asked all the time: when the first pods could know of each other.

use std::{
    collections::BTreeSet,
    net::{IpAddr, UdpSocket},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use hickory_proto::{
    op::{Message, MessageType, OpCode, Query},
    rr::{Name, RecordType},
};

use crate::cluster::{At, now};

/// CoreDNS's service.
pub(crate) const COREDNS: &str = "10.96.0.10";
/// The TTL of each answer that comes from the cluster itself, as kubeadm has it.
const TTL: u32 = 30;
/// Each query has a socket of its own, and nobody in this network makes up replies.
const ID: u16 = 1;
const STEP: Duration = Duration::from_millis(50);
/// A lost reply may not hide for long what is named meanwhile.
const PATIENCE: Duration = Duration::from_millis(200);

/// What was named, and since when.
type Seen = (At, BTreeSet<IpAddr>);

/// Asks for the addresses of a name until it is dropped.
#[derive(Debug)]
pub(crate) struct Names {
    seen: Arc<Mutex<Vec<Seen>>>,
    over: Arc<AtomicBool>,
    asking: Option<JoinHandle<()>>,
}

impl Names {
    pub(crate) fn watch(name: &str) -> Self {
        let (seen, over) = (Arc::<Mutex<Vec<_>>>::default(), Arc::new(AtomicBool::new(false)));
        let name = Name::from_ascii(name).expect("a name");
        let asking = thread::spawn({
            let (seen, over) = (Arc::clone(&seen), Arc::clone(&over));
            move || {
                while !over.load(Ordering::Relaxed) {
                    if let Some(addresses) = ask(COREDNS, &name).map(|reply| addresses(&reply)) {
                        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                        if seen.last().is_none_or(|(_, last)| *last != addresses) {
                            seen.push((now(), addresses));
                        }
                    }
                    thread::park_timeout(STEP);
                }
            }
        });
        Self { seen, over, asking: Some(asking) }
    }

    /// When that many addresses were named for the first time.
    pub(crate) fn named(&self, count: usize) -> Option<At> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().find(|(_, addresses)| addresses.len() >= count).map(|(at, _)| *at)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(asking) = self.asking.take() {
            let _ = asking.join();
        }
    }
}

/// Whether a server answers for a name from a cache, where the TTL falls with time.
pub(crate) fn is_cached(server: &str, name: &str) -> bool {
    let reply = ask(server, &Name::from_ascii(name).expect("a name"));
    let ttls = reply.iter().flat_map(|reply| &reply.answers).map(|record| record.ttl);
    ttls.min().is_some_and(|ttl| ttl < TTL)
}

fn addresses(reply: &Message) -> BTreeSet<IpAddr> {
    reply.answers.iter().filter_map(|record| record.data.ip_addr()).collect()
}

/// A server's reply to the question for the addresses of a name, or nothing where none comes soon.
fn ask(server: &str, name: &Name) -> Option<Message> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut query = Message::new(ID, MessageType::Query, OpCode::Query);
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(name.clone(), RecordType::A));
    socket.send_to(&query.to_vec().ok()?, (server, 53)).ok()?;
    let mut reply = [0; 4_096];
    let length = socket.recv(&mut reply).ok()?;
    Message::from_vec(&reply[..length]).ok()
}
