//! The same at BIND and Knot, where they are installed. Where neither is, the tests say so and
//! pass, unless `NAME_SERVERS=required` is in the environment.

use std::{
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use data_encoding::BASE64;
use hickory_proto::rr::{Name, rdata::TXT};
use libp2p_dns_discovery::{
    hickory_proto,
    publish::{Algorithm, Event, TsigKey, UpdateError},
};
use tempfile::TempDir;

use crate::{
    lifecycle::{all, change, change_elsewhere},
    world::{
        HERE, KEY, OWNER, SECRET, THERE, ZONE, add, config, good_key, next, node, published, texts,
    },
};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// Somebody else may take the port before the server does.
const PORT_TRIES: usize = 5;

/// What is installed on this machine; nothing is a failure where it is required.
pub(crate) fn installed() -> Vec<Kind> {
    let kinds: Vec<_> =
        [Kind::Bind, Kind::Knot].into_iter().filter(|k| k.program().is_some()).collect();
    if kinds.is_empty() {
        let required = std::env::var("NAME_SERVERS").is_ok_and(|value| value == "required");
        assert!(!required, "NAME_SERVERS=required, and neither `named` nor `knotd` is installed");
        eprintln!("skipped: neither `named` (bind9) nor `knotd` (knot) is installed");
    }
    kinds
}

/// Where a program is: those of servers are often not in the path of users.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places =
        std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(Into::into));
    places.map(|place| place.join(name)).find(|program| program.is_file())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bind,
    Knot,
}

impl Kind {
    fn program(self) -> Option<PathBuf> {
        find(match self {
            Self::Bind => "named",
            Self::Knot => "knotd",
        })
    }

    /// What makes a key of this name.
    fn keygen(self, name: &str) -> Option<Command> {
        let (tool, args) = match self {
            Self::Bind => ("tsig-keygen", ["-a", "hmac-sha512", name]),
            Self::Knot => ("keymgr", ["-t", name, "hmac-sha512"]),
        };
        let mut command = Command::new(find(tool)?);
        command.args(args);
        Some(command)
    }

    fn config(self, dir: &Path, address: SocketAddr) -> String {
        let (dir, secret) = (dir.display(), BASE64.encode(SECRET));
        let (ip, port) = (address.ip(), address.port());
        match self {
            Self::Bind => format!(
                r#"
key "{KEY}" {{ algorithm hmac-sha256; secret "{secret}"; }};
key "longer.key." {{ algorithm hmac-sha384; secret "{secret}"; }};
key "longest.key." {{ algorithm hmac-sha512; secret "{secret}"; }};
options {{
    directory "{dir}";
    listen-on port {port} {{ {ip}; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    recursion no;
}};
controls {{ }};
zone "{ZONE}" {{
    type primary;
    file "zone";
    max-records-per-type 0;
    update-policy {{
        grant {KEY} name {OWNER} TXT;
        grant longer.key. name {OWNER} TXT;
        grant longest.key. name {OWNER} TXT;
    }};
}};
"#
            ),
            Self::Knot => format!(
                r#"
server:
    listen: {ip}@{port}
    rundir: {dir}
log:
  - target: stderr
    any: info
database:
    storage: {dir}
key:
  - id: {KEY}
    algorithm: hmac-sha256
    secret: {secret}
  - id: longer.key.
    algorithm: hmac-sha384
    secret: {secret}
  - id: longest.key.
    algorithm: hmac-sha512
    secret: {secret}
acl:
  - id: node
    key: [{KEY}, longer.key., longest.key.]
    action: update
    update-type: [TXT]
    update-owner: name
    update-owner-match: equal
    update-owner-name: [{OWNER}]
zone:
  - domain: {ZONE}
    storage: {dir}
    file: zone
    acl: node
"#
            ),
        }
    }

    fn command(self, config: &Path) -> Command {
        let mut command = Command::new(self.program().expect("it is installed"));
        match self {
            // In the foreground, with the log on stderr.
            Self::Bind => command.arg("-g"),
            Self::Knot => &mut command,
        };
        command.arg("-c").arg(config);
        command
    }

    /// Whether it serves, when it logs this.
    fn has_started(self, line: &str) -> bool {
        match self {
            // At its start it says "running on Linux", and more.
            Self::Bind => line.ends_with(" running"),
            Self::Knot => line.contains("server started"),
        }
    }
}

/// A server that runs. It is killed when this is dropped.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    child: Child,
    _dir: TempDir,
}

impl NameServer {
    pub(crate) fn start(kind: Kind) -> Self {
        let mut log = Vec::new();
        for _ in 0..PORT_TRIES {
            match Self::try_start(kind) {
                Ok(server) => return server,
                Err(lines) => log = lines,
            }
        }
        panic!("{kind:?} does not start: {}", log.join("\n"));
    }

    fn try_start(kind: Kind) -> Result<Self, Vec<String>> {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let (address, config) = (free_port(), dir.path().join("config"));
        let zone = format!(
            "$ORIGIN {ZONE}\n@ 30 SOA ns root 1 60 60 3600 1\n@ 30 NS ns\nns 30 A 127.0.0.1\n"
        );
        std::fs::write(dir.path().join("zone"), zone).expect("it can be written");
        std::fs::write(&config, kind.config(dir.path(), address)).expect("it can be written");
        let mut command = kind.command(&config);
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it is installed");
        let log = child.stderr.take().expect("it is piped");
        let server = Self { address, child, _dir: dir };
        wait_for(log, kind).map(|()| server)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log until the server serves, or ends; and goes on, so that the server is not held up.
fn wait_for(log: impl Read + Send + 'static, kind: Kind) -> Result<(), Vec<String>> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            // Nobody listens any more once it has started.
            let _ = sender.send(line);
        }
    });
    let mut read = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) if kind.has_started(&line) => return Ok(()),
            Ok(line) => read.push(line),
            Err(RecvTimeoutError::Disconnected) => return Err(read),
            Err(RecvTimeoutError::Timeout) => panic!("it hangs after: {}", read.join("\n")),
        }
    }
}

/// An address that is free for UDP and TCP.
fn free_port() -> SocketAddr {
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = tcp.local_addr().expect("it is bound");
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

#[tokio::test]
async fn a_zone_says_of_a_node_what_it_should() {
    for kind in installed() {
        eprintln!("{kind:?}");
        let server = NameServer::start(kind);
        all(server.address).await;
    }
}

/// `grant KEY name OWNER TXT` in BIND, and `update-owner` in Knot's ACL.
#[tokio::test]
async fn a_key_for_one_name_is_of_no_use_for_another() {
    for kind in installed() {
        let server = NameServer::start(kind);
        let error = change_elsewhere(server.address, ZONE, "_dnsaddr.other.peers.example.").await;
        match kind {
            Kind::Bind => assert!(matches!(error, UpdateError::Refused { .. }), "{error:?}"),
            Kind::Knot => assert!(matches!(error, UpdateError::BadKey { .. }), "{error:?}"),
        }
        assert!(error.to_string().contains("_dnsaddr.other.peers.example."), "{error}");
        let error = change_elsewhere(server.address, "example.", OWNER).await;
        assert!(matches!(error, UpdateError::NotAuth { .. }), "{kind:?}: {error:?}");
    }
}

#[tokio::test]
async fn all_algorithms_are_those_of_the_servers() {
    for kind in installed() {
        let server = NameServer::start(kind);
        for (name, algorithm) in
            [("longer.key.", Algorithm::HmacSha384), ("longest.key.", Algorithm::HmacSha512)]
        {
            let key = TsigKey::new(Name::from_ascii(name).unwrap(), algorithm, SECRET).unwrap();
            let config = config().with_addresses([HERE.parse().unwrap()]);
            let mut node = node(server.address, key, config);
            published(&mut node, &[HERE]).await;
            node.behaviour_mut().withdraw();
            assert!(matches!(next(&mut node).await, Event::Withdrawn), "{kind:?} {name}");
        }
    }
}

/// A name that is past what one answer carries: BIND answers nothing, Knot `SERVFAIL`.
/// Fails on the code that reads the form of `nsupdate` alone.
#[test]
fn a_key_is_read_as_the_tools_of_the_servers_print_it() {
    for kind in installed() {
        let Some(mut keygen) = kind.keygen("Made.Key") else { continue };
        let printed = keygen.output().expect("it runs").stdout;
        let printed = String::from_utf8(printed).expect("a text");
        let key: TsigKey = printed.parse().unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        assert_eq!(
            (key.name().to_ascii().as_str(), key.algorithm()),
            ("made.key.", Algorithm::HmacSha512)
        );
    }
}

#[tokio::test]
async fn a_name_that_is_full_is_told_and_can_be_left_nevertheless() {
    for kind in installed() {
        let server = NameServer::start(kind);
        let mut node = node(server.address, good_key(), config());
        node.add_external_address(HERE.parse().unwrap());
        published(&mut node, &[HERE]).await;
        let entry = |n: usize| format!("dnsaddr=/ip4/10.0.0.7/tcp/{}/p2p/{:a<52}", 10_000 + n, "");
        let entries: Vec<_> = (0..700).map(entry).collect();
        for part in entries.chunks(350) {
            add(server.address, &part.iter().map(String::as_str).collect::<Vec<_>>()).await;
        }
        node.add_external_address(THERE.parse().unwrap());
        match next(&mut node).await {
            Event::Failed { error: UpdateError::Full { .. }, .. } if kind == Kind::Bind => {}
            Event::Failed { error: UpdateError::Server { .. }, .. } if kind == Kind::Knot => {}
            event => panic!("{kind:?}: {event:?}"),
        }
        node.behaviour_mut().withdraw();
        assert!(matches!(next(&mut node).await, Event::Withdrawn), "{kind:?}");
        remove(server.address, &entries[..200]).await;
        assert_eq!(texts(server.address).await, entries[200..].iter().cloned().collect());
    }
}

/// What the documentation says of `max-records-per-type 0`, and of Knot, which has no such bound.
#[tokio::test]
async fn a_name_holds_hundreds_of_nodes() {
    for kind in installed() {
        let server = NameServer::start(kind);
        let entry = |n: usize| format!("dnsaddr=/ip4/10.0.0.7/tcp/{}/p2p/{:a<52}", 10_000 + n, "");
        let entries: Vec<_> = (0..500).map(entry).collect();
        add(server.address, &entries.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert_eq!(texts(server.address).await.len(), 500, "{kind:?}");
    }
}

async fn remove(server: SocketAddr, texts: &[String]) {
    let records = texts.iter().map(|text| TXT::from_bytes(vec![text.as_bytes()])).collect();
    change(server, |update| update.delete = records).await.expect("it is allowed");
}
