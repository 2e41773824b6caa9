//! How long joining takes, and who joins at all, beside a program that does the same job one step
//! after another.

use std::{thread, time::Duration};

use serde_json::Value;
use tokio::time::Instant;

use crate::{
    names,
    net::Net,
    node::{NETWORK, NODE},
    program::Program,
    suite::{Answer, Suite, When},
    tools::Tool,
};

const NODES: u8 = 20;
/// Whoever has not joined by then has not.
const LIMIT: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(250);

const SEQUENTIAL: Tool = Tool { name: "sequential", needs: "Go" };

pub(crate) fn add(suite: &mut Suite) {
    for silent in 0..4 {
        let row = format!("{silent} silent");
        let mut measure = |column, tool: Tool| {
            suite.ask("Joining", &row, column, When::InFull, move || {
                joining(tool, silent).map_or_else(|why| why, Answer::Told)
            });
        };
        measure("`node`", NODE);
        measure("one after another", SEQUENTIAL);
    }
}

/// Twenty nodes, which start at the same time, behind a name the lowest addresses of which say
/// nothing.
fn joining(tool: Tool, silent: u8) -> Result<String, Answer> {
    let hosts = silent + NODES;
    let net = Net::new(hosts);
    (0..silent).for_each(|host| net.silence(host));
    let _server = names::serve(&net, 0..hosts)?;

    let started = Instant::now();
    let members: Vec<_> = (silent..hosts).map(|host| member(tool, &net, host)).collect();
    let members = members.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut joined = vec![None; members.len()];
    while joined.contains(&None) && started.elapsed() < LIMIT {
        for (member, joined) in members.iter().zip(&mut joined) {
            *joined = member.with_lines(first_peer);
        }
        thread::park_timeout(LOOK);
    }
    for member in &members {
        assert!(!member.has_ended(), "{member:?} has ended");
        member.event("listening");
    }
    let mut times: Vec<_> = joined.iter().copied().flatten().collect();
    times.sort_unstable();
    let all = times.len() == members.len();
    // What the other program cannot do is what is asked; but where nothing is in its way, it can.
    assert!(all || tool != NODE && silent > 0, "{} of {NODES} have joined", times.len());
    Ok(told(&times, members.len()))
}

fn member(tool: Tool, net: &Net, host: u8) -> Result<Program, Answer> {
    let mut command = net.command(host, &tool.find()?);
    command.args(["--kad-protocol", NETWORK, "--dns", &net.name_server().to_string()]);
    command.args(["--listen", &format!("/ip4/{}/tcp/4001", net.v4(host))]);
    if tool == NODE {
        command.args(["--json", "--source", "/dns/peers.test./tcp/4001"]);
    } else {
        command.args(["--name", "peers.test.", "--port", "4001"]);
    }
    Ok(Program::start(format!("{} {host}", tool.name), &mut command))
}

/// When the first other was in the routing table: milliseconds since the program's start. `node`
/// tells of each change of the table, the other program of this one.
fn first_peer(lines: &[Value]) -> Option<u64> {
    let is_first = |line: &&Value| match line["event"].as_str() {
        Some("kad") => line["ms"].is_u64() && line["peers"] != 0,
        Some("joined") => true,
        _ => false,
    };
    let first = lines.iter().find(is_first);
    first.map(|line| line["ms"].as_u64().expect("a number"))
}

fn told(times: &[u64], of: usize) -> String {
    let count = times.len();
    let seconds = |ms: &u64| format!("{:.1} s", *ms as f64 / 1000.0);
    match (times.get((of - 1) / 2), times.last()) {
        (Some(half), Some(last)) if count == of => {
            format!("all {of}: half after {}, the last after {}", seconds(half), seconds(last))
        }
        (_, Some(last)) => {
            format!(
                "{count} of {of} within {} s, the last after {}",
                LIMIT.as_secs(),
                seconds(last)
            )
        }
        (_, None) => format!("none of {of} within {} s", LIMIT.as_secs()),
    }
}
