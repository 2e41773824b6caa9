//! What the names need of other rooms.

use web_time::Instant;

use super::members::Liveness;
use crate::{candidate::Candidate, config::Config, discovery::effect::Effects};

/// What the names need to go on.
pub(in crate::discovery) struct Context<'a> {
    pub(in crate::discovery) config: &'a Config,
    pub(in crate::discovery) now: Instant,
    /// Whether an address leads to ourselves.
    pub(in crate::discovery) is_ours: &'a dyn Fn(&Candidate) -> bool,
    /// Differs whenever other candidates lead to ourselves.
    pub(in crate::discovery) ours: u64,
    /// Whether others are known.
    pub(in crate::discovery) has_others: bool,
    /// What the rest of the node knows of a candidate.
    pub(in crate::discovery) liveness: &'a dyn Fn(&Candidate) -> Liveness,
    /// Of each candidate of one family's list: which one the selection in force would miss last (0),
    /// second to last (1), and so on.
    pub(in crate::discovery) rank: &'a Rank<'a>,
    pub(in crate::discovery) rng: &'a mut fastrand::Rng,
    pub(in crate::discovery) effects: &'a mut Effects,
}

/// Says in which order the candidates of a family are kept. The number is how many candidates are named in all.
pub(in crate::discovery) type Rank<'a> = dyn Fn(&[Candidate], usize) -> Vec<usize> + 'a;
