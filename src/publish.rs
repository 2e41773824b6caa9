//! Publishes this node's own addresses, so that other nodes find them pinned to its peer id.
//!
//! A [`Publisher`] keeps one TXT record for each address of this node at `_dnsaddr.NAME`, such as
//! `dnsaddr=/ip4/10.0.0.7/tcp/4001/p2p/12D3KooW…`, by dynamic updates of the zone ([RFC 2136]) that
//! are signed by a key shared with its primary name server (TSIG, [RFC 8945]). A node with the source
//! `/dnsaddr/NAME` finds this node by these records, knows its peer id, and needs no probe.
//!
//! The publisher is a behaviour of its own, beside that of the discovery. It learns the addresses from
//! the swarm:
//!
//! ```no_run
//! use futures::StreamExt;
//! use libp2p::{SwarmBuilder, noise, swarm::{NetworkBehaviour, SwarmEvent}, tcp, yamux};
//! use libp2p_dns_discovery::{
//!     Behaviour, Config,
//!     publish::{self, Publisher, TsigUpdater},
//!     resolver::hickory::HickoryResolver,
//! };
//!
//! #[derive(NetworkBehaviour)]
//! struct Node {
//!     discovery: Behaviour<HickoryResolver>,
//!     publisher: Publisher<TsigUpdater>,
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The file holds what `nsupdate -y` takes: `hmac-sha256:KEYNAME:SECRET`.
//! let key = std::fs::read_to_string("/run/secrets/peers.key")?.parse()?;
//! let updater = TsigUpdater::new("192.0.2.53:53".parse()?, key);
//! let config = publish::Config::new("peers.example.", "peers.example.")?;
//! let resolver = HickoryResolver::system()?;
//!
//! let mut swarm = SwarmBuilder::with_new_identity()
//!     .with_tokio()
//!     .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)?
//!     .with_behaviour(|key| {
//!         let (peer, source) = (key.public().to_peer_id(), config.source().clone());
//!         Node {
//!             discovery: Behaviour::with_sources(resolver, Config::new(), peer, [source]),
//!             publisher: Publisher::new(updater, config, peer),
//!         }
//!     })?
//!     .build();
//! swarm.listen_on("/ip4/0.0.0.0/tcp/4001".parse()?)?;
//!
//! let mut leaving = std::pin::pin!(tokio::signal::ctrl_c());
//! loop {
//!     tokio::select! {
//!         _ = &mut leaving => break,
//!         event = swarm.select_next_some() => println!("{event:?}"),
//!     }
//! }
//! // Take the records away, and give the name server two seconds for it.
//! swarm.behaviour_mut().publisher.withdraw();
//! let withdrawn = async {
//!     while !matches!(
//!         swarm.select_next_some().await,
//!         SwarmEvent::Behaviour(NodeEvent::Publisher(publish::Event::Withdrawn))
//!     ) {}
//! };
//! let _ = tokio::time::timeout(std::time::Duration::from_secs(2), withdrawn).await;
//! # Ok(())
//! # }
//! ```
//!
//! # What it does
//!
//! - **Which addresses.** The [configured](Config::with_addresses) addresses; without any, the
//!   confirmed external addresses; without any, the listen addresses that other nodes can dial. At
//!   most 16 by default.
//! - **When.** A second after the addresses have changed, in one update that removes the old records
//!   and adds the new ones. Every ten minutes, the publisher checks that the records are as they
//!   should be.
//! - **What it deletes.** Before it adds records, the publisher reads the records of the name. In the same
//!   update, it deletes two kinds of records: those that name its peer id at addresses that it no
//!   longer has, and those that name its addresses under other peer ids. Such a record comes from an
//!   earlier run with another key, or from a former tenant of the address. All other records are left
//!   alone, whatever they say. Each deletion names one record exactly.
//! - **What if it fails.** It tries again forever, after a second at first and after five minutes at
//!   most, and says what to do ([`UpdateError`]). At most one exchange is under way.
//! - **At the end.** [`Publisher::withdraw`] removes the records that it has published, and no others.
//!
//! # What it does not do
//!
//! - **It does not clean up after other nodes.** The records of a node that has crashed, or that was
//!   killed before it could withdraw, stay until another node publishes the same address, the node
//!   comes back, or an operator deletes them. Readers pass over dead addresses, at the price of a dial.
//!   This removes one record:
//!
//!   ```text
//!   nsupdate -k peers.key <<'END'
//!   server 192.0.2.53
//!   zone peers.example
//!   update delete _dnsaddr.peers.example. TXT "dnsaddr=/ip4/10.0.0.7/tcp/4001/p2p/12D3KooW…"
//!   send
//!   END
//!   ```
//! - **It does not look up the zone or its primary server.** Both are configured. A forged answer
//!   could otherwise decide which server receives the updates.
//! - **It does not settle a conflict between two nodes with one address.** See below.
//!
//! # Addresses that several nodes have
//!
//! A node that publishes an address deletes every record that names another peer at that address. Two
//! live nodes that publish the same address delete each other's records at each refresh, and
//! [`Event::Removed`] says so. Examples are the address of Docker's bridge, 172.17.0.1 on every host, and
//! the address that virtual machines share behind one translating router. Deny these networks by
//! [`Config::with_filter`], or configure the addresses.
//!
//! # What a holder of the key can do
//!
//! A holder of a key that may change a name can add any record at that name, and delete the records of
//! other nodes. A record counts only after a handshake has proved it, so a false record costs a dial, and
//! a deleted record hides a node. Use a zone for these records and for nothing else.
//!
//! **One key for all nodes** is the simplest. All nodes share the key and the name `peers.example`. BIND
//! (9.18):
//!
//! ```text
//! key "peers" { algorithm hmac-sha256; secret "…"; };   // as made by `tsig-keygen peers`
//! zone "peers.example" {
//!     type primary;
//!     file "/var/lib/bind/peers.example";
//!     max-records-per-type 0;   // 100 by default: the next node is refused with SERVFAIL
//!     update-policy { grant peers name _dnsaddr.peers.example. TXT; };
//! };
//! ```
//!
//! Knot (3.2), which answers a key that its `acl` does not allow with BADKEY:
//!
//! ```text
//! key:
//!   - id: peers
//!     algorithm: hmac-sha256
//!     secret: …
//! acl:
//!   - id: peers
//!     key: peers
//!     action: update
//!     update-type: [TXT]
//!     update-owner: name
//!     update-owner-match: equal
//!     update-owner-name: [_dnsaddr.peers.example.]
//! zone:
//!   - domain: peers.example
//!     file: /var/lib/knot/peers.example
//!     acl: peers
//! ```
//!
//! **A key for each node** protects each node's records from the other nodes. Each node has its own name,
//! such as `a.peers.example`, and a key that may change records at that name only. The common name refers
//! to the names of all nodes, by records that only the operator writes:
//!
//! ```text
//! _dnsaddr.peers.example.  TXT "dnsaddr=/dnsaddr/a.peers.example"
//! _dnsaddr.peers.example.  TXT "dnsaddr=/dnsaddr/b.peers.example"
//!
//! // BIND
//! update-policy {
//!     grant node-a name _dnsaddr.a.peers.example. TXT;
//!     grant node-b name _dnsaddr.b.peers.example. TXT;
//! };
//!
//! # Knot
//! acl:
//!   - id: node-a
//!     key: node-a
//!     action: update
//!     update-type: [TXT]
//!     update-owner: name
//!     update-owner-match: equal
//!     update-owner-name: [_dnsaddr.a.peers.example.]
//! ```
//!
//! The other nodes have the source `/dnsaddr/peers.example`, and this node publishes at
//! `a.peers.example`. With Knot, `update-owner: key` configures all nodes together, if each key has the
//! name of its owner, such as `_dnsaddr.a.peers.example`.
//!
//! # How many
//!
//! All records of one name travel in one answer of at most 64 KiB: some 600 addresses. With one record
//! more, readers get none of them (BIND sends an empty answer that is marked as truncated, Knot
//! `SERVFAIL`). So the publisher adds no record that would not fit, and says so ([`UpdateError::Full`]).
//!
//! A reader with the default limits makes at most 128 look-ups in one refresh of a source, so a common
//! name can refer to 127 other names. It reads texts of up to 1,024 bytes, and 16,384 records of an
//! answer. For thousands of nodes, let a hundred names hold a hundred nodes each.
//!
//! [RFC 2136]: https://www.rfc-editor.org/rfc/rfc2136
//! [RFC 8945]: https://www.rfc-editor.org/rfc/rfc8945

pub use self::{
    config::{Config, ConfigError},
    event::Event,
    key::{Algorithm, KeyError, TsigKey},
    publisher::Publisher,
    tsig::TsigUpdater,
    updater::{ExchangeFuture, Update, UpdateError, Updater},
};

mod config;
mod core;
mod event;
mod key;
mod own;
mod plan;
mod publisher;
mod record;
mod reply;
mod tsig;
mod updater;
