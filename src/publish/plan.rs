//! The changes to make: the records of the zone, and the records that it should have → deletions and additions.

use std::collections::BTreeSet;

use hickory_proto::rr::rdata::TXT;
use libp2p_identity::PeerId;

use super::record;
use crate::candidate::Candidate;

/// How many records one update deletes at most. With 16 additions of the longest records, such an update still
/// fits into a message of 64 KiB, whatever the zone holds. The next update deletes the rest.
const MOST_DELETIONS: usize = 256;
/// Bytes of records that fit into one answer beside its header, question and signature.
const MOST_BYTES: usize = 65_535 - 1_024;

/// The changes of one update.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) delete: Vec<TXT>,
    pub(super) add: Vec<TXT>,
    /// The deleted records of other peers: they name this node's addresses under other ids.
    pub(super) removed: BTreeSet<Candidate>,
    /// Whether there are more records to delete, in the next update.
    pub(super) more: bool,
    /// Whether there is no room for the missing records, so that they are not added.
    pub(super) full: bool,
}

impl Plan {
    /// Finds the changes that make `records` name this node by the `wanted` addresses and by no others, and
    /// name no other peer by the `wanted` addresses. All other records are left alone.
    pub(super) fn new(records: &[TXT], wanted: &BTreeSet<Candidate>, local: &PeerId) -> Self {
        let mut plan = Self::default();
        let mut missing = wanted.clone();
        for txt in records {
            let Some(named) = record::read(txt) else { continue };
            if missing.remove(&named) || wanted.contains(&named) {
                continue;
            }
            let ours = named.pinned() == Some(local);
            let taken = named.pinned().is_some()
                // All peers behind a relay share the relay's address and what comes after it.
                && !named.is_relayed()
                && wanted.iter().any(|address| address.is_at_address_of(&named));
            if !ours && !taken {
                continue;
            }
            if plan.delete.len() == MOST_DELETIONS {
                plan.more = true;
                continue;
            }
            plan.delete.push(txt.clone());
            if !ours {
                plan.removed.insert(named);
            }
        }
        plan.add(missing.iter().map(record::write).collect(), records);
        plan
    }

    /// Adds the missing records if all of them fit into an answer. With one record too many, readers would
    /// get no record at all.
    fn add(&mut self, missing: Vec<TXT>, records: &[TXT]) {
        let size = |records: &[TXT]| records.iter().map(record::size).sum::<usize>();
        let bytes = (size(records) + size(&missing)).saturating_sub(size(&self.delete));
        self.full = !missing.is_empty() && bytes > MOST_BYTES;
        if !self.full {
            self.add = missing;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.delete.is_empty() && self.add.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(text: &str, peer: &PeerId) -> Candidate {
        Candidate::new(&format!("{text}/p2p/{peer}").parse().unwrap())
    }

    fn raw(text: &str) -> TXT {
        TXT::from_bytes(vec![text.as_bytes()])
    }

    fn named(text: &str, peer: &PeerId) -> TXT {
        raw(&format!("dnsaddr={text}/p2p/{peer}"))
    }

    const HERE: &str = "/ip4/10.0.0.7/tcp/4001";
    const THERE: &str = "/ip4/10.0.0.8/tcp/4001";

    #[test]
    fn what_others_have_behind_the_same_relay_is_left() {
        let (relay, us, other) = (PeerId::random(), PeerId::random(), PeerId::random());
        let circuit = format!("/ip4/192.0.2.1/tcp/1/p2p/{relay}/p2p-circuit");
        let here =
            |peer: &PeerId| Candidate::new(&format!("{circuit}/p2p/{peer}").parse().unwrap());
        let records = [record::write(&here(&other)), record::write(&here(&us))];
        assert!(Plan::new(&records, &[here(&us)].into(), &us).is_empty());
    }

    #[test]
    fn what_is_missing_is_added_and_what_is_there_is_left() {
        let us = PeerId::random();
        let wanted = [candidate(HERE, &us), candidate(THERE, &us)].into();
        let plan = Plan::new(&[named(HERE, &us)], &wanted, &us);
        assert_eq!(plan.add, [named(THERE, &us)]);
        assert!(plan.delete.is_empty());
        assert!(Plan::new(&[named(HERE, &us), named(THERE, &us)], &wanted, &us).is_empty());
    }

    #[test]
    fn another_spelling_is_the_same_address() {
        let (us, other) = (PeerId::random(), PeerId::random());
        let wanted = [candidate("/ip4/10.0.0.7/tcp/443/tls/ws", &us)].into();
        let spelled = "/ip6/::ffff:10.0.0.7/tcp/443/wss";
        assert!(Plan::new(&[named(spelled, &us)], &wanted, &us).is_empty());
        let plan = Plan::new(&[named(spelled, &other)], &wanted, &us);
        assert_eq!(plan.delete, [named(spelled, &other)], "as the zone has it");
    }

    #[test]
    fn our_addresses_under_other_ids_and_our_id_at_other_addresses_go() {
        let (us, other) = (PeerId::random(), PeerId::random());
        let wanted = [candidate(HERE, &us)].into();
        let records = [named(HERE, &us), named(HERE, &other), named(THERE, &us)];
        let plan = Plan::new(&records, &wanted, &us);
        assert_eq!(plan.delete, &records[1..]);
        assert_eq!(plan.removed, [candidate(HERE, &other)].into());
        assert!(plan.add.is_empty());
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let (us, other) = (PeerId::random(), PeerId::random());
        let foreign = [
            named(THERE, &other),
            named("/ip4/10.0.0.7/tcp/4002", &other),
            named("/ip4/10.0.0.7/udp/4001/quic-v1", &other),
            raw(&format!("dnsaddr={HERE}")),
            raw("v=spf1 -all"),
            raw("dnsaddr=nonsense"),
            TXT::from_bytes(vec![b"\xff"]),
            named("/dnsaddr/a.peers.example", &us),
        ];
        for wanted in [BTreeSet::new(), [candidate(HERE, &us)].into()] {
            let plan = Plan::new(&foreign, &wanted, &us);
            assert!(plan.delete.is_empty(), "{plan:?}");
        }
    }

    #[test]
    fn with_nothing_wanted_only_our_id_goes() {
        let (us, other) = (PeerId::random(), PeerId::random());
        let records = [named(HERE, &us), named(HERE, &other)];
        let plan = Plan::new(&records, &BTreeSet::new(), &us);
        assert_eq!(plan.delete, &records[..1]);
    }

    #[test]
    fn a_name_is_not_filled_past_what_one_answer_carries() {
        let (us, other) = (PeerId::random(), PeerId::random());
        let wanted = [candidate(HERE, &us)].into();
        let records = |n| -> Vec<_> {
            (0..n)
                .map(|port| named(&format!("/ip4/10.0.0.9/tcp/{}", 10_000 + port), &other))
                .collect()
        };
        let most = MOST_BYTES / record::size(&records(1)[0]);
        let plan = Plan::new(&records(most), &wanted, &us);
        assert_eq!((plan.full, plan.add.len()), (true, 0));
        assert_eq!(Plan::new(&records(most - 1), &wanted, &us).add.len(), 1);
        let replaced = [records(most - 1), vec![named(HERE, &other)]].concat();
        let plan = Plan::new(&replaced, &wanted, &us);
        assert_eq!((plan.full, plan.delete.len(), plan.add.len()), (false, 1, 1));
        let there = [records(most), vec![named(HERE, &us)]].concat();
        assert!(!Plan::new(&there, &wanted, &us).full, "what is there need not be added");
    }

    #[test]
    fn one_update_deletes_so_much_and_no_more() {
        let us = PeerId::random();
        let records: Vec<_> = (0..300).map(|_| named(HERE, &PeerId::random())).collect();
        let plan = Plan::new(&records, &[candidate(HERE, &us)].into(), &us);
        assert_eq!((plan.delete.len(), plan.removed.len(), plan.more), (256, 256, true));
        let plan = Plan::new(&records[256..], &[candidate(HERE, &us)].into(), &us);
        assert_eq!((plan.delete.len(), plan.more), (44, false));
    }
}
