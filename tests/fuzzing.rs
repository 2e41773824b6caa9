//! The targets of `fuzz/` with random inputs. They are the same in every run; `FUZZ_CASES` makes
//! them more, and `FUZZ_SEED` makes them others. A failure prints its input; `FUZZ_TRACE=1` prints
//! what a failing machine did before. `FUZZ_FILE` names a file to be the only input: what a target of
//! `fuzz/` left in `fuzz/artifacts`.

#[path = "support/fuzzing/mod.rs"]
mod fuzzing;

use std::{cell::RefCell, collections::BTreeSet, env, fmt::Debug, fs, str::FromStr};

use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, TestRunner},
};

fn number<N: FromStr<Err: Debug>>(variable: &str) -> Option<N> {
    env::var(variable).ok().map(|text| text.parse().expect(variable))
}

/// Runs a target on `cases` inputs, unless the environment says how many.
fn hold<I: Strategy>(cases: u32, input: I, target: impl Fn(I::Value)) {
    let config = Config {
        cases: number("FUZZ_CASES").unwrap_or(cases),
        rng_seed: RngSeed::Fixed(number("FUZZ_SEED").unwrap_or(1)),
        failure_persistence: None,
        max_shrink_iters: number("FUZZ_SHRINK").unwrap_or(1_500),
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&input, |input| {
        target(input);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// The same for a target that takes bytes.
fn hold_bytes(cases: u32, target: impl Fn(&[u8])) {
    match env::var_os("FUZZ_FILE") {
        Some(file) => target(&fs::read(file).expect("FUZZ_FILE")),
        None => hold(cases, bytes(600), |bytes| target(&bytes)),
    }
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

#[test]
fn any_text_is_a_source_or_says_why_not() {
    hold(20_000, ".{0,60}", |text| fuzzing::source(&text));
}

#[test]
fn any_records_hold() {
    hold_bytes(2_000, fuzzing::records);
}

#[test]
fn any_operations_hold() {
    hold_bytes(600, fuzzing::machine);
}

/// Fails if random operations no longer lead anywhere: then nothing would be proved by their holding.
#[test]
fn random_operations_lead_to_everything_that_can_be_told() {
    const ALL: [&str; 26] = [
        "Abort",
        "Alone",
        "Announce",
        "Anyone",
        "Bounded",
        "CancelLookup",
        "Departed",
        "Gone",
        "Isolated",
        "Joined",
        "LookupFailed",
        "Peer",
        "PinMismatch",
        "Probe",
        "Refused",
        "Rejected",
        "Replaced",
        "Resolved",
        "SameKey",
        "Sampled",
        "SharedAddress",
        "Starting",
        "Stranger",
        "Unreachable",
        "Verified",
        "MoreRejected",
    ];
    let reached = RefCell::new(BTreeSet::new());
    hold(3_000, bytes(600), |bytes| reached.borrow_mut().extend(fuzzing::reached(&bytes)));
    let reached = reached.into_inner();
    let missed: Vec<_> = ALL.into_iter().filter(|kind| !reached.contains(*kind)).collect();
    assert!(missed.is_empty(), "never reached: {missed:?}");
}
