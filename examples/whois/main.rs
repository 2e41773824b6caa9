//! Who lives behind a DNS name: every address that it names, and the peer that answers there.
//!
//! ```text
//! cargo run --example whois -- /dns/peers.example/tcp/4001
//! ```

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use libp2p_dns_discovery::Source;

use crate::{
    common::{
        cli::{NameServer, seconds},
        output::{Output, note},
        run::{Stop, run},
        words,
    },
    rows::Row,
    survey::Survey,
};

#[path = "../common/mod.rs"]
mod common;
mod rows;
mod survey;

const NAME: &str = "whois";
/// Nobody is verified.
const NOBODY: u8 = 1;
/// No source could be resolved.
const UNRESOLVED: u8 = 3;

/// Tells who lives behind a DNS name
///
/// Dials every address that the sources name, in order, and prints which peer has proved to live
/// there. Nobody can reach this program meanwhile: it does not listen.
///
/// States: `verified` (the peer has proved its id), `unreachable`, `mismatch` (another peer answers
/// than the record says; `peer` is the one that answers), `rejected` (not dialled, because the filter
/// does not let it through), `self` (it leads to this program). The time told is that of the
/// handshake, with hundreds of others under way.
///
/// Exit code: 0 if at least one is verified, 1 if none is, 2 on bad use, 3 if no source could be
/// resolved.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Args {
    /// What to look up; several are put in one order
    ///
    /// `/dns/NAME/tcp/4001` looks up A and AAAA records (`/dns4/…`, `/dns6/…`: one of them),
    /// `srv:_NAME._tcp.DOMAIN` SRV records, `/dnsaddr/NAME` TXT records; an address without a name
    /// stands for itself. A name that ends in a dot is absolute.
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<Source>,

    /// The name server to ask [default: those of the system]
    #[arg(long, value_name = "IP:PORT")]
    dns: Option<NameServer>,

    /// When to be done. An address that says nothing is given up after half of this time
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,

    /// Dial loopback addresses that DNS names
    #[arg(long)]
    allow_loopback: bool,

    /// Print one JSON object on each line: `rank`, `address`, `pinned`, `state`, `peer`, `rtt_ms`
    /// and `reason` of one candidate
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    run(NAME, whois)
}

async fn whois(args: Args) -> Result<u8, Stop> {
    let output = Output::new(args.json);
    let survey = Survey::make(&args).await?;
    for (source, error) in survey.failed() {
        note(NAME, &words::unresolved(source, error));
    }
    for source in survey.unanswered() {
        note(NAME, &format!("{source} cannot be resolved: no answer before the time was over"));
    }
    let rows = survey.rows();
    if output.is_json() {
        for row in &rows {
            output.print(row)?;
        }
    } else {
        output.print(&rows::Table(&rows))?;
    }
    Ok(if rows.iter().any(Row::is_verified) {
        0
    } else if survey.is_resolved() {
        NOBODY
    } else {
        UNRESOLVED
    })
}
