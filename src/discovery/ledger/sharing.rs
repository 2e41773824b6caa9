//! Whether an address belongs to one peer, or to several peers behind a load balancer.

use std::{collections::VecDeque, time::Duration};

use libp2p_identity::PeerId;

/// The most of the last eight answers at an address that may come from another peer than the answer
/// before. A pod that crashes again and again with new keys is met at least twice in most of its
/// lives: a probe finds it, and a connection follows. That makes four of eight.
const CHANGES: u32 = 4;
/// How many peers are remembered that answered at an address.
const SEEN: usize = 4;
/// How many answers in a row a peer must give at a shared address to be believed. Four is as many
/// probes as a host gets by default until the next refresh.
const IN_A_ROW: u32 = 4;
/// How often these numbers are halved and doubled at the most: up to 128 answers in a row.
const DOUBLINGS: u32 = 5;
/// When a shared address is asked again whether the peer that answered last stays there.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// What the latest answers at one address say about its owners: whether it belongs to one peer.
///
/// A *change* is an answer from another peer than the last answer. The address becomes *shared* with the fifth
/// change among its last eight answers. A change counts twice if it brings back a peer that had answered
/// before: a load balancer brings peers back again and again, but a pod that restarts with a new key never
/// brings its old key back.
///
/// A shared address belongs to one peer again when that peer has given four answers in a row. Each time that
/// the address becomes shared again, half as many changes are enough (five at first, then three, two, one), and twice as
/// many answers in a row are needed (at most 128).
///
/// A shared address is dialled in bursts. A burst begins when the back-off is over, and lasts as long as the
/// same peer answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers {
    /// The peers that answered, each once, the latest last.
    seen: VecDeque<PeerId>,
    /// The last eight answers, the latest in the lowest bit: whether each came from another peer than
    /// the answer before.
    changes: u8,
    /// Of the same answers: whether each came from a peer that had answered before, and had been
    /// followed by another.
    returns: u8,
    /// Of a shared address: how many answers in a row the present burst has brought. The answer that
    /// makes an address shared is the first of a burst: it may come from a pod that stays at last.
    burst: Option<u32>,
    /// How often the address became shared.
    times_shared: u32,
}

impl Answers {
    /// Notes which peer answered, and says whether the address is shared.
    pub(super) fn note(&mut self, peer: PeerId) -> bool {
        let changed = self.seen.back() != Some(&peer);
        let returned = changed && self.seen.contains(&peer);
        self.seen.retain(|seen| *seen != peer);
        self.seen.push_back(peer);
        if self.seen.len() > SEEN {
            self.seen.pop_front();
        }
        self.changes = self.changes << 1 | u8::from(changed);
        self.returns = self.returns << 1 | u8::from(returned);
        let changes = self.changes.count_ones() + self.returns.count_ones();
        match self.burst {
            Some(in_row) => self.go_on(in_row, changed),
            None if changed && changes > CHANGES >> self.doublings() => self.share(),
            None => {}
        }
        self.burst.is_some()
    }

    /// Notes that a connection has shown that a peer stays: as good as an answer, if it is the one that
    /// answered last.
    pub(super) fn stays(&mut self, peer: &PeerId) {
        if self.seen.back() == Some(peer) {
            self.changes <<= 1;
            self.returns <<= 1;
        }
    }

    /// Whether the address is shared.
    pub(super) fn is_shared(&self) -> bool {
        self.burst.is_some()
    }

    /// Notes that no answer came, which ends a burst.
    pub(super) fn fails(&mut self) {
        self.burst = self.burst.map(|_| 0);
    }

    /// Notes that two peers were there at the same time, which is more than that they alternate: it
    /// counts twice.
    pub(super) fn share_for_sure(&mut self) {
        self.times_shared = self.times_shared.saturating_add(2);
        self.burst = Some(0);
    }

    /// Whether a burst goes on at a shared address: the next answer of it is wanted soon.
    pub(super) fn asks_soon(&self) -> bool {
        self.burst.is_some_and(|in_row| in_row > 0)
    }

    fn share(&mut self) {
        self.burst = Some(1);
        self.times_shared = self.times_shared.saturating_add(1);
    }

    /// How often the address was shared before, the present time left aside.
    fn doublings(&self) -> u32 {
        (self.times_shared - u32::from(self.burst.is_some())).min(DOUBLINGS)
    }

    fn go_on(&mut self, in_row: u32, changed: bool) {
        // The first answer of a burst is compared with none: it is a while since the last burst.
        let ends = changed && in_row > 0;
        let in_row = if ends { 0 } else { in_row + 1 };
        self.burst = (in_row < IN_A_ROW << self.doublings()).then_some(in_row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(n: usize) -> Vec<PeerId> {
        (0..n).map(|_| PeerId::random()).collect()
    }

    fn take_turns(answers: &mut Answers, peers: &[PeerId], n: usize) -> bool {
        peers.iter().cycle().take(n).fold(false, |_, peer| answers.note(*peer))
    }

    #[test]
    fn peers_that_take_turns_share_an_address_with_the_fifth_change() {
        let (mut answers, peers) = (Answers::default(), peers(100));
        assert!(!take_turns(&mut answers, &peers, 4));
        assert!(answers.note(PeerId::random()));
    }

    #[test]
    fn one_that_comes_back_counts_twice() {
        for (n, answers_until_shared) in [(2, 4), (3, 4), (4, 5)] {
            let (mut answers, peers) = (Answers::default(), peers(n));
            let mut turns = peers.iter().cycle();
            let shared = (1..).find(|_| turns.next().is_some_and(|peer| answers.note(*peer)));
            assert_eq!(shared, Some(answers_until_shared), "{n} peers");
        }
    }

    /// Each of them stays for as long as its connection lasts.
    #[test]
    fn a_balancer_is_recognised_by_those_who_come_back_between_connections() {
        let (mut answers, peers) = (Answers::default(), peers(2));
        let mut turns = peers.iter().cycle();
        let shared = (1..20).find(|_| {
            let peer = turns.next().expect("without end");
            let is_shared = answers.note(*peer);
            answers.stays(peer);
            answers.stays(peer);
            is_shared
        });
        assert!(shared.is_some_and(|answers| answers <= 5), "{shared:?}");
    }

    #[test]
    fn two_that_swap_their_addresses_and_back_are_believed() {
        let (mut answers, peers) = (Answers::default(), peers(2));
        assert!(!take_turns(&mut answers, &peers, 3));
    }

    #[test]
    fn a_peer_that_is_met_twice_in_each_life_is_believed() {
        let mut answers = Answers::default();
        for peer in peers(50) {
            assert!(!answers.note(peer) && !answers.note(peer));
        }
    }

    #[test]
    fn a_connection_that_lasts_counts_as_an_answer() {
        let mut answers = Answers::default();
        for peer in peers(50) {
            assert!(!answers.note(peer));
            answers.stays(&PeerId::random());
            answers.stays(&peer);
        }
    }

    #[test]
    fn a_shared_address_is_believed_after_four_answers_in_a_row() {
        let mut answers = Answers::default();
        take_turns(&mut answers, &peers(2), 5);
        answers.fails();
        let stays = PeerId::random();
        let told: Vec<_> = (0..4).map(|_| answers.note(stays)).collect();
        assert_eq!(told, [true, true, true, false]);
        assert!(!answers.note(stays));
    }

    #[test]
    fn the_answer_that_makes_an_address_shared_is_the_first_in_a_row() {
        let mut answers = Answers::default();
        let peers = peers(5);
        take_turns(&mut answers, &peers, 5);
        let told: Vec<_> = (0..3).map(|_| answers.note(peers[4])).collect();
        assert_eq!(told, [true, true, false]);
    }

    /// Makes an address shared that may have been shared before; returns how many changes it took.
    fn share(answers: &mut Answers) -> usize {
        let changes = (1..).find(|_| answers.note(PeerId::random())).expect("in the end");
        answers.fails();
        changes
    }

    #[test]
    fn each_time_it_takes_half_as_many_changes_and_twice_as_many_answers() {
        let mut answers = Answers::default();
        for (changes, in_row) in [(5, 4), (3, 8), (2, 16), (1, 32), (1, 64), (1, 128), (1, 128)] {
            assert_eq!(share(&mut answers), changes);
            let stays = PeerId::random();
            assert_eq!((1..).find(|_| !answers.note(stays)), Some(in_row));
            // What came before is forgotten.
            (0..8).for_each(|_| answers.stays(&stays));
        }
    }

    /// Else a pod that crashes in a burst ends the next one, too, when it is back.
    #[test]
    fn a_burst_ends_where_nobody_answers_and_the_next_answer_begins_another() {
        let mut answers = Answers::default();
        share(&mut answers);
        answers.note(PeerId::random());
        answers.fails();
        assert!(!answers.asks_soon());
        answers.note(PeerId::random());
        assert!(answers.asks_soon());
    }

    #[test]
    fn two_that_were_there_at_the_same_time_count_twice() {
        let mut answers = Answers::default();
        answers.share_for_sure();
        let stays = PeerId::random();
        assert_eq!((1..).find(|_| !answers.note(stays)), Some(8));
    }

    #[test]
    fn a_burst_lasts_as_long_as_the_same_peer_answers() {
        let mut answers = Answers::default();
        let [a, b] = [PeerId::random(), PeerId::random()];
        take_turns(&mut answers, &[a, b], 4);
        assert!(answers.asks_soon());
        answers.note(a);
        assert!(!answers.asks_soon(), "nothing but the back-off");
        answers.note(b);
        answers.note(b);
        assert!(answers.asks_soon());
        answers.note(a);
        assert!(!answers.asks_soon());
    }
}
