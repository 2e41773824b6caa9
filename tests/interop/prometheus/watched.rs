//! Nodes that tell their numbers: three that are one cluster, and one that can reach nobody.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::Stdio,
};

use libp2p_dns_discovery::resolver::zone::Zone;
use tokio::runtime::Runtime;

use super::PROMTOOL;
use crate::{
    dns_server::DnsServer,
    node::NODE,
    program::{PATIENCE, Program},
    suite::Answer,
};

const SERVICE: &str = "_p2p._tcp.peers.test.";
const HOST: &str = "host.test.";
const NODES: usize = 3;
/// An address that nobody listens at.
const NOBODY: &str = "/ip4/127.0.0.1/tcp/1";

/// Nodes on this machine, by the ports that a name server in this process tells.
pub(super) struct Nodes {
    programs: Vec<Program>,
    _server: DnsServer,
    _runtime: Runtime,
}

impl Nodes {
    /// Starts them, and waits until they have joined, or are isolated.
    pub(super) fn start() -> Result<Self, Answer> {
        let runtime = Runtime::new().expect("a runtime starts");
        let zone = Zone::new();
        let start = DnsServer::start((Ipv4Addr::LOCALHOST, 0).into(), zone.clone(), 7);
        let server = runtime.block_on(start).expect("the name server starts");
        let source = format!("srv:{SERVICE}");
        let nodes = (0..NODES).map(|number| node(&number.to_string(), &source, &server));
        let mut programs = nodes.collect::<Result<Vec<_>, _>>()?;
        zone.set_addresses(HOST, [Ipv4Addr::LOCALHOST.into()]);
        zone.set_srv(SERVICE, programs.iter().map(|node| (port(node), HOST)));
        programs.iter().for_each(Program::joins);
        let isolated = node("isolated", NOBODY, &server)?;
        isolated.event("isolated");
        programs.push(isolated);
        Ok(Self { programs, _server: server, _runtime: runtime })
    }

    /// Where they serve HTTP.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let address = |node: &Program| {
            let told = node.event("http");
            let address = told["address"].as_str().and_then(|address| address.parse().ok());
            address.unwrap_or_else(|| panic!("no address: {told}"))
        };
        self.programs.iter().map(address).collect()
    }
}

fn node(name: &str, source: &str, server: &DnsServer) -> Result<Program, Answer> {
    let mut command = NODE.command()?;
    command.args(["--json", "--allow-loopback", "--listen", "/ip4/127.0.0.1/tcp/0"]);
    command.args(["--source", source, "--http", "127.0.0.1:0"]);
    command.args(["--dns", &server.address().to_string()]);
    Ok(Program::start(format!("node {name}"), &mut command))
}

fn port(node: &Program) -> u16 {
    let listens = node.event("listening");
    let address = listens["address"].as_str().and_then(|address| address.rsplit('/').next());
    address.and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("no port: {listens}"))
}

/// What `promtool check metrics` finds in what each node tells has to be nothing.
pub(super) fn check_metrics(nodes: &Nodes) -> Result<(), Answer> {
    for address in nodes.addresses() {
        let told = get(address, "/metrics");
        assert!(told.contains("libp2p_dns_discovery_status{"), "{told}");
        assert!(told.ends_with("# EOF\n"), "{told}");
        lint(&as_text_format(&told))?;
    }
    Ok(())
}

/// `promtool` reads the text format that OpenMetrics came from. There, the description of a counter has
/// the whole name of its series.
fn as_text_format(open_metrics: &str) -> String {
    let counters: Vec<_> = open_metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let line = |line: &str| {
        let mut words: Vec<_> = line.splitn(4, ' ').map(str::to_owned).collect();
        let is_description = words.len() == 4 && ["HELP", "TYPE"].contains(&&*words[1]);
        if is_description && words[0] == "#" && counters.contains(&&*words[2]) {
            words[2] += "_total";
        }
        words.join(" ") + "\n"
    };
    open_metrics.lines().map(line).collect()
}

fn lint(text: &str) -> Result<(), Answer> {
    let mut command = PROMTOOL.command()?;
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    let mut lint =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = lint.stdin.take().expect("it is piped");
    stdin.write_all(text.as_bytes()).expect("it reads all");
    drop(stdin);
    let ended = lint.wait_with_output().expect("it can be waited for");
    let found = [ended.stdout, ended.stderr].concat();
    let found = String::from_utf8_lossy(&found);
    assert!(ended.status.success() && found.is_empty(), "{found}, in:\n{text}");
    Ok(())
}

/// The body of what is answered to a plain request.
pub(super) fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it can be reached");
    stream.set_read_timeout(Some(PATIENCE)).expect("a duration that is not zero");
    // Of HTTP/1.0, so that the body comes as it is.
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("it can be asked");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("it answers");
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head and a body");
    let code = head.split(' ').nth(1);
    assert_eq!(code, Some("200"), "{path}: {reply}");
    body.to_owned()
}
