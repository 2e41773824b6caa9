use std::time::Duration;

use prometheus_client::encoding::text::encode;

use super::*;
use crate::{
    Config,
    discovery::Output,
    resolver::Answer,
    testing::{a, name},
};

fn text_of(metrics: &Snapshot, now: Instant) -> String {
    #[derive(Debug)]
    struct At(Snapshot, Instant);
    impl Collector for At {
        fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
            self.0.families(self.1).iter().try_for_each(|family| family.encode(&mut encoder))
        }
    }
    let mut registry = Registry::default();
    registry.register_collector(Box::new(At(metrics.clone(), now)));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a text");
    text
}

#[test]
fn what_is_not_known_yet_is_absent_and_what_is_counted_is_there_from_the_start() {
    let text = text_of(&Snapshot::default(), now());
    let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let counters =
        LookupOutcome::ALL.len() + Purpose::ALL.len() * DialOutcome::ALL.len() + Event::NAMES.len();
    assert_eq!(samples.len(), counters + 3, "and three sizes\n{text}");
    assert!(samples.iter().all(|line| line.ends_with(" 0") || line.ends_with(" 0.0")), "{text}");
}

#[test]
fn each_number_has_its_line() {
    let start = now();
    let source: Source = "/dns4/peers.example./tcp/4001".parse().expect("a source");
    let snapshot = Snapshot {
        stats: Stats::default(),
        listed: Some(true),
        status: Some(Status::Joined),
        answered: vec![(source, start)],
    };
    let text = text_of(&snapshot, start + Duration::from_secs(42));
    for line in [
        "listed 1.0",
        r#"status{status="joined"} 1.0"#,
        r#"status{status="isolated"} 0.0"#,
        r#"answer_age_seconds{source="/dns4/peers.example./tcp/4001"} 42.0"#,
        r#"dials_total{purpose="hint",outcome="no_route"} 0"#,
        r#"lookups_total{outcome="server_failure"} 0"#,
        r#"events_total{event="same_key"} 0"#,
    ] {
        assert!(text.lines().any(|other| other == line), "{line}\n{text}");
    }
}

#[test]
fn a_source_is_told_from_its_first_answer_until_it_is_removed() {
    let local = libp2p_identity::PeerId::random();
    let source: Source = "/dns4/peers.example./tcp/4001".parse().expect("a source");
    let start = now();
    let mut discovery = Discovery::new(Config::new(), local, 7, start);
    assert!(discovery.add_source(source.clone(), start));
    let metrics = Metrics::register(&mut Registry::default());
    let record = |discovery: &Discovery| {
        metrics.record(discovery);
        metrics.lock().answered.clone()
    };
    assert_eq!(record(&discovery), []);
    let Some(Output::Lookup { id, .. }) = discovery.poll_output(start) else { panic!("it asks") };
    let records = vec![a("peers.example.", 300, 1)];
    discovery.handle_lookup(id, Ok(Answer::new(name("peers.example."), records)));
    while discovery.poll_output(start).is_some() {}
    assert_eq!(record(&discovery), [(source.clone(), start)]);
    assert!(discovery.remove_source(&source));
    assert_eq!(record(&discovery), []);
}
