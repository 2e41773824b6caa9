//! Sources whose answers are random samples of the members, although each answer claims to be complete.

/// How many answers must speak for a sample before it is believed.
const EVIDENCE: u32 = 3;
/// How many answers in a row must look like none before the source is taken at its word again.
const STEADY: u32 = 3;
/// The same if the members that these answers leave out still answer dials. So many answers in a row are not
/// all repetitions of one answer in a cache. The members may still answer for another reason than that the
/// source samples.
const STEADY_ALL_THE_SAME: u32 = 16;

/// Whether a source samples, as its answers show that claim to be complete.
///
/// Samples always have the same size, each names other members, and the members that a sample leaves out
/// still answer dials. A rolling restart looks the same for a while, as long as the old pods answer while
/// they shut down. When it is over, answers repeat each other. So a mistake costs little: members that have
/// left are dropped a few answers later. An answer that repeats the last one proves nothing, while the
/// members that it leaves out still answer: it may come from a cache.
#[derive(Debug, Default)]
pub(super) struct Sampling {
    /// How many candidates the last answer named. Once the source is recognised as sampled: the size of a
    /// sample.
    size: usize,
    evidence: u32,
    /// How many answers in a row have looked like no sample.
    unlike: u32,
    /// How many of these in a row have left out no member that answers.
    steady: u32,
    recognised: bool,
    /// Whether the last answer could be a sample.
    suspect: bool,
}

/// What one answer looks like beside the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// How many candidates it names.
    pub(super) size: usize,
    /// Whether it names other candidates than the last answer.
    pub(super) changed: bool,
    /// Whether a member that the last answer left out has answered a dial since; `None` if none was dialled.
    pub(super) omitted_answers: Option<bool>,
}

impl Sampling {
    pub(super) fn is_recognised(&self) -> bool {
        self.recognised
    }

    /// Whether to find out if the members that the last answer left out still answer dials. That is so if the
    /// answer looks like a sample although the source is not known to sample, or the other way round.
    pub(super) fn is_suspect(&self) -> bool {
        self.suspect != self.recognised
    }

    /// Takes an answer into account; says whether the verdict changed.
    pub(super) fn note(&mut self, look: Look) -> bool {
        let before = self.recognised;
        self.suspect = look.changed && look.size == self.size;
        if self.suspect {
            (self.unlike, self.steady) = (0, 0);
            self.evidence = match look.omitted_answers {
                Some(true) => self.evidence.saturating_add(1),
                Some(false) => 0,
                None => self.evidence,
            };
            self.recognised |= self.evidence >= EVIDENCE;
        } else {
            // The answer names the same as before, or fewer than a sample would. These may be all members.
            self.unlike = self.unlike.saturating_add(1);
            self.steady = match look.omitted_answers {
                Some(true) => 0,
                Some(false) | None => self.steady.saturating_add(1),
            };
            let over = self.steady >= STEADY || self.unlike >= STEADY_ALL_THE_SAME;
            if over || !self.recognised && look.size != self.size {
                *self = Self { size: look.size, ..Self::default() };
            }
        }
        self.recognised != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(omitted_answers: Option<bool>) -> Look {
        Look { size: 8, changed: true, omitted_answers }
    }

    const SAME: Look = Look { size: 8, changed: false, omitted_answers: None };

    fn recognised() -> Sampling {
        let mut sampling = Sampling::default();
        sampling.note(sample(None));
        for _ in 0..EVIDENCE {
            assert!(!sampling.is_recognised());
            sampling.note(sample(Some(true)));
        }
        sampling
    }

    #[test]
    fn answers_of_one_size_that_leave_out_the_living_are_samples() {
        assert!(recognised().is_recognised());
    }

    #[test]
    fn one_that_left_and_does_not_answer_clears_the_suspicion() {
        let mut sampling = Sampling::default();
        for _ in 0..10 {
            sampling.note(sample(Some(true)));
            sampling.note(sample(Some(true)));
            assert!(!sampling.note(sample(Some(false))));
        }
    }

    #[test]
    fn changes_of_size_are_no_samples() {
        let mut sampling = Sampling::default();
        for size in 1..20 {
            assert!(!sampling.note(Look { size, changed: true, omitted_answers: Some(true) }));
        }
    }

    #[test]
    fn a_source_is_taken_at_its_word_again_when_answers_repeat_or_differ_in_size() {
        let fewer = Look { size: 7, changed: true, omitted_answers: Some(false) };
        for other in [SAME, fewer] {
            let mut sampling = recognised();
            assert!(!sampling.note(other) && !sampling.note(other) && sampling.note(other));
            assert!(!sampling.is_recognised());
        }
    }

    #[test]
    fn as_long_as_those_left_out_answer_it_takes_many_answers() {
        let mut sampling = recognised();
        let same = Look { omitted_answers: Some(true), ..SAME };
        for _ in 1..STEADY_ALL_THE_SAME {
            assert!(!sampling.note(same));
        }
        assert!(sampling.note(same) && !sampling.is_recognised());
    }

    #[test]
    fn a_repeated_or_smaller_answer_now_and_then_changes_nothing() {
        let fewer = Look { size: 7, changed: true, omitted_answers: Some(true) };
        let mut sampling = recognised();
        for _ in 0..10 {
            assert!(!sampling.note(SAME) && !sampling.note(fewer));
            assert!(!sampling.note(sample(None)));
        }
        assert!(sampling.is_recognised());
    }
}
