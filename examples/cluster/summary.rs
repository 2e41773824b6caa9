//! The line that sums a run up.

use std::{fmt::Write, time::Duration};

use serde::Serialize;

use crate::{
    args::{Args, Counts},
    dns_server::DnsServer,
    graph::Graph,
    picture::Picture,
    trials::Trials,
};

/// The end.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// All that DNS names.
    nodes: usize,
    living: usize,
    silent: usize,
    dead: usize,
    joined: usize,
    components: usize,
    candidates_min: usize,
    verified_min: usize,
    kad_peers_min: usize,
    kad_stale: usize,
    edges: usize,
    in_degree_max: usize,
    dns_queries: u64,
    probes: u64,
    dials: u64,
    join_ms_p50: Option<u128>,
    join_ms_p99: Option<u128>,
    elapsed_ms: u128,
    /// Whether all tables have filled up too before the time was over.
    formed: bool,
    #[serde(flatten)]
    afterwards: Afterwards,
    /// Whether all that was asked for came about.
    passed: bool,
    #[serde(skip)]
    kad_peers_wanted: usize,
}

/// What came after the cluster had formed. All of it is null where nothing was to come.
#[derive(Debug, Serialize)]
struct Afterwards {
    outage_noticed: Option<usize>,
    outage_left: Option<usize>,
    late_selected_by: Option<usize>,
    restarted: Option<usize>,
    stale: Option<usize>,
}

impl Afterwards {
    fn new(picture: &Picture, trials: &Trials) -> Self {
        let (outage, restart) = (trials.outage.as_ref(), trials.restart.as_ref());
        Self {
            outage_noticed: outage.map(|outage| outage.noticed),
            outage_left: outage.map(|outage| outage.left),
            late_selected_by: outage.map(|outage| outage.late_selected_by),
            restarted: restart.map(|restart| restart.restarted),
            stale: restart.map(|_| picture.stale),
        }
    }

    /// `living` is how many live in the end, those included who came late.
    fn rows(&self, living: usize) -> impl Iterator<Item = (&'static str, String)> {
        let of = |all: usize| move |n: usize| format!("{n} of {all}");
        let rows = [
            ("noticed the DNS outage", self.outage_noticed.map(of(living - 1))),
            ("left during the DNS outage", self.outage_left.map(|n| n.to_string())),
            ("selected the late node", self.late_selected_by.map(of(living - 1))),
            ("came back with a new key", self.restarted.map(of(living))),
            ("old ids still believed in", self.stale.map(|n| n.to_string())),
        ];
        rows.into_iter().filter_map(|(what, figure)| Some((what, figure?)))
    }
}

impl Summary {
    pub(crate) fn new(
        picture: &Picture,
        graph: &Graph,
        trials: &Trials,
        args: &Args,
        server: &DnsServer,
        elapsed: Duration,
    ) -> Self {
        let join_ms = |share| picture.join_time(share).map(|time| time.as_millis());
        let Counts { living, silent, dead } = picture.counts;
        Self {
            nodes: picture.counts.named(),
            living,
            silent,
            dead,
            joined: picture.joined,
            components: picture.components,
            candidates_min: picture.candidates_min,
            verified_min: picture.verified_min,
            kad_peers_min: picture.kad_peers_min,
            kad_stale: picture.kad_stale,
            edges: graph.edges.len(),
            in_degree_max: graph.largest_in_degree(),
            dns_queries: server.queries(),
            probes: picture.probes(),
            dials: picture.dials(),
            join_ms_p50: join_ms(0.5),
            join_ms_p99: join_ms(0.99),
            elapsed_ms: elapsed.as_millis(),
            formed: picture.is_formed(),
            afterwards: Afterwards::new(picture, trials),
            passed: picture.is_united() && trials.passed(args),
            kad_peers_wanted: picture.kad_peers_wanted(),
        }
    }

    /// What the exit code says too.
    pub(crate) fn passed(&self) -> bool {
        self.passed
    }

    fn verdict(&self) -> String {
        let seconds = self.elapsed_ms as f64 / 1000.0;
        let Self { living, joined, components, .. } = self;
        if joined < living {
            format!("Only {joined} of {living} nodes joined within {seconds:.1} s.")
        } else if *components > 1 {
            format!("All {living} nodes joined, but in {components} components.")
        } else if !self.passed {
            format!("All {living} nodes joined, but what was to come then went wrong.")
        } else if !self.formed {
            format!(
                "All {living} nodes joined in one component, but not every routing table has filled \
                 up within {seconds:.1} s."
            )
        } else {
            format!("{living} nodes that knew one DNS name are one network after {seconds:.1} s.")
        }
    }

    pub(crate) fn text(&self) -> String {
        let ms = |time: Option<u128>| time.map_or("-".to_owned(), |ms| ms.to_string());
        let mut rows = vec![("joined", format!("{} of {}", self.joined, self.living))];
        if self.silent + self.dead > 0 {
            rows.push(("silent, dead", format!("{}, {}", self.silent, self.dead)));
        }
        rows.extend([
            ("components", self.components.to_string()),
            ("fewest addresses known from DNS", self.candidates_min.to_string()),
            ("fewest verified peers", self.verified_min.to_string()),
            (
                "smallest routing table",
                format!("{} (wanted: {})", self.kad_peers_min, self.kad_peers_wanted),
            ),
            ("stale ids in routing tables", self.kad_stale.to_string()),
            ("selected peers of all nodes", self.edges.to_string()),
            ("most often selected", format!("by {} nodes", self.in_degree_max)),
            ("DNS queries", self.dns_queries.to_string()),
            ("probes (dials to throw-away ids)", self.probes.to_string()),
            ("other dials (Kademlia's too)", self.dials.to_string()),
            ("joined after, median", format!("{} ms", ms(self.join_ms_p50))),
            ("joined after, 99 %", format!("{} ms", ms(self.join_ms_p99))),
        ]);
        rows.extend(self.afterwards.rows(self.living));
        let mut text = format!("\n{}\n", self.verdict());
        for (what, figure) in rows {
            // Writing to a string does not fail.
            let _ = write!(text, "\n  {what:<34}{figure}");
        }
        text
    }
}
