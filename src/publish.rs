//! Publishes this node's own addresses, so that the others find them pinned to its peer id.
//!
//! A [`Publisher`] keeps one TXT record for each address of this node at `_dnsaddr.NAME`, such as
//! `dnsaddr=/ip4/10.0.0.7/tcp/4001/p2p/12D3KooW…`, by dynamic updates of the zone ([RFC 2136]) that
//! are signed by a key shared with its primary name server (TSIG, [RFC 8945]). Everybody with the
//! source `/dnsaddr/NAME` finds the node there, knows whom to expect, and needs no probe.
//!
//! It is a behaviour of its own, beside the discovery's, and learns the addresses from the swarm:
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
//! - **Which addresses.** The [configured](Config::with_addresses) ones; without any, the confirmed
//!   external ones; without any, those listened on that others can dial. At most 16 by default.
//! - **When.** A second after they have changed, in one update that takes the old away and adds the
//!   new; and every ten minutes it looks whether all is as it should be.
//! - **What it deletes.** Before it adds, it reads what is there, and deletes in the same update
//!   what names its id at addresses that it no longer has, and what names its addresses under other
//!   ids: an earlier life with another key, or a former tenant of the address. All other records
//!   are left alone, whatever they say. Each deletion names one record exactly.
//! - **What if it fails.** It tries again, after a second at first and after five minutes at most,
//!   for ever, and says what to do ([`UpdateError`]). It has one exchange under way at most.
//! - **At the end.** [`Publisher::withdraw`] takes away what it has published, and nothing else.
//!
//! # What it does not do
//!
//! - **It does not clean up after others.** The records of a node that has crashed, or that was
//!   killed before it could withdraw, stay until somebody else publishes the same address, the node
//!   comes back, or an operator deletes them. Readers walk past the dead, at the price of a dial.
//!   This takes one record away:
//!
//!   ```text
//!   nsupdate -k peers.key <<'END'
//!   server 192.0.2.53
//!   zone peers.example
//!   update delete _dnsaddr.peers.example. TXT "dnsaddr=/ip4/10.0.0.7/tcp/4001/p2p/12D3KooW…"
//!   send
//!   END
//!   ```
//! - **It does not find the zone or its primary server.** Both are configured: what a resolver says
//!   of them decides who receives our updates.
//! - **It does not keep peace between two nodes with one address.** See below.
//!
//! # Addresses that several nodes have
//!
//! Whoever publishes an address deletes every record of it that names somebody else. Two live nodes
//! that publish the same address take it from each other at each refresh ([`Event::Removed`] says
//! so). Such are the addresses of Docker's bridge, 172.17.0.1 on every host, and of virtual
//! machines behind one translating router. Deny these networks by [`Config::with_filter`], or configure the
//! addresses.
//!
//! # Whom the key trusts
//!
//! Who holds a key that may change a name can name anybody there, and delete what others have
//! published. What the records say is proved by a handshake before it counts, as always: a false
//! one costs a dial, or hides a node. Use a zone for this and for nothing else.
//!
//! **One key for all** is the simplest. All nodes share the key and the name `peers.example`. BIND
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
//! **A key for each node** keeps them from each other. Each has a name of its own, such as
//! `a.peers.example`, and a key that may change nothing else; the common name refers to all of them
//! by records that only the operator writes:
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
//! The others look at `/dnsaddr/peers.example`, and this node publishes at `a.peers.example`. With
//! Knot, `update-owner: key` says the same of all nodes at once where each key is named like the
//! owner, `_dnsaddr.a.peers.example`.
//!
//! # How many
//!
//! All records of one name travel in one answer of at most 64 KiB: some 600 addresses. One more,
//! and readers get none of them (BIND sends an empty answer that is marked as cut, Knot `SERVFAIL`). So
//! the publisher adds nothing that would not fit, and says so ([`UpdateError::Full`]).
//!
//! A reader of this crate makes at most 128 look-ups in one refresh of a source, so that a common
//! name can refer to 127 others; it takes texts of up to 1,024 bytes, and 16,384 records of an
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
