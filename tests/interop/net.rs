//! Hosts: network namespaces with addresses of their own, on one bridge.
//!
//! The suite itself runs in a namespace that reaches nothing else, with a mount of its own for the
//! names of namespaces: whatever is left behind vanishes with it.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicU8, Ordering},
};

/// So that trials that run side by side have networks of their own.
static NEXT: AtomicU8 = AtomicU8::new(1);
/// The hosts' addresses begin here; 1 is the bridge itself, where the name server is.
const FIRST: u8 = 11;

/// A bridge and its hosts. The addresses of host 0 are the lowest.
#[derive(Debug)]
pub(crate) struct Net {
    id: u8,
    hosts: u8,
}

impl Net {
    /// Makes a network.
    pub(crate) fn new(hosts: u8) -> Self {
        let net = Self { id: NEXT.fetch_add(1, Ordering::Relaxed), hosts };
        let (id, bridge) = (net.id, net.bridge());
        let mut batch = format!("link add {bridge} type bridge\n");
        let _ = writeln!(batch, "addr add 10.77.{id}.1/24 dev {bridge}");
        let _ = writeln!(batch, "link set {bridge} up");
        for host in 0..hosts {
            let (name, port) = (net.name(host), net.port(host));
            let _ = writeln!(batch, "netns add {name}");
            let mac = net.mac(host);
            let _ = writeln!(
                batch,
                "link add {port} type veth peer name eth0 address {mac} netns {name}"
            );
            let _ = writeln!(batch, "link set {port} master {bridge} up");
        }
        ip(&["-batch", "-"], &batch);
        for host in 0..hosts {
            let v4 = net.v4(host);
            let mut batch =
                format!("link set lo up\naddr add {v4}/24 dev eth0\nlink set eth0 up\n");
            for other in (0..hosts).filter(|other| *other != host) {
                batch += &net.neighbour(other, &net.mac(other));
            }
            ip(&["-n", &net.name(host), "-batch", "-"], &batch);
        }
        net
    }

    /// Where a name server can listen that all hosts reach.
    pub(crate) fn name_server(&self) -> SocketAddr {
        (Ipv4Addr::new(10, 77, self.id, 1), 53).into()
    }

    pub(crate) fn v4(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.id, FIRST + host)
    }

    /// A command that runs on a host.
    pub(crate) fn command(&self, host: u8, program: &std::path::Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(host)]).arg(program);
        command
    }

    /// Gives a host a file of its own in `/etc`, such as `hosts`, for the programs that start from now on.
    pub(crate) fn configure(&self, host: u8, file: &str, text: &[u8]) {
        let folder = self.etc(host);
        fs::create_dir_all(&folder).expect("the folder of a namespace can be made");
        fs::write(folder.join(file), text).expect("it can be written");
    }

    /// Where iproute2 looks for such files (ip-netns(8)).
    fn etc(&self, host: u8) -> PathBuf {
        PathBuf::from("/etc/netns").join(self.name(host))
    }

    /// Gives the name server an address on the link, such as a router announces.
    pub(crate) fn add_to_link(&self, address: Ipv6Addr) {
        let bridge = self.bridge();
        // The one that it would give itself cannot be used until nobody has objected.
        let batch = format!(
            "link set {bridge} addrgenmode none\naddr flush dev {bridge}\n\
             addr add {address}/64 dev {bridge} nodad\n"
        );
        ip(&["-6", "-batch", "-"], &batch);
    }

    /// Pulls a host's cable.
    pub(crate) fn cut(&self, host: u8) {
        ip(&["link", "set", &self.port(host), "down"], "");
    }

    pub(crate) fn mend(&self, host: u8) {
        ip(&["link", "set", &self.port(host), "up"], "");
    }

    /// Lets what others send to a host vanish, as it does on the way to a node that has died.
    pub(crate) fn silence(&self, host: u8) {
        for other in (0..self.hosts).filter(|other| *other != host) {
            self.lose(other, host);
        }
    }

    /// Lets what two hosts send to each other vanish, and nothing else.
    pub(crate) fn part(&self, one: u8, other: u8) {
        self.lose(one, other);
        self.lose(other, one);
    }

    fn lose(&self, from: u8, to: u8) {
        // Nobody has this address, which the bridge finds out by flooding.
        let batch = self.neighbour(to, "02:00:00:00:00:01");
        ip(&["-n", &self.name(from), "-batch", "-"], &batch);
    }

    /// Tells a host where another one is. All are told: as between routed networks, nobody is asked,
    /// and whoever is gone is silent. The kernel's table of those who were asked would overflow,
    /// too: it is one for all namespaces, and ends at a thousand entries.
    fn neighbour(&self, other: u8, mac: &str) -> String {
        format!("neigh replace {} lladdr {mac} dev eth0 nud permanent\n", self.v4(other))
    }

    fn mac(&self, host: u8) -> String {
        format!("02:77:00:{:02x}:00:{host:02x}", self.id)
    }

    /// Puts a wire of one's own in a host's way: its cable ends at the first of the two interfaces,
    /// and the second is at the bridge. Both are in the namespace of the suite.
    pub(crate) fn splice(&self, host: u8) -> [String; 2] {
        let port = self.port(host);
        let (near, far) = (format!("{port}n"), format!("{port}f"));
        let batch = format!(
            "link set {port} nomaster arp off\nlink add {near} type veth peer name {far}\n\
             link set {far} master {bridge} up\nlink set {near} arp off up\n",
            bridge = self.bridge()
        );
        // Without ARP, or the namespace itself would answer for the bridge at once, and packets to
        // the name server would go around the wire.
        ip(&["-batch", "-"], &batch);
        [port, near]
    }

    pub(crate) fn bridge(&self) -> String {
        format!("b{}", self.id)
    }

    fn name(&self, host: u8) -> String {
        format!("n{}h{host}", self.id)
    }

    fn port(&self, host: u8) -> String {
        format!("v{}h{host}", self.id)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let mut batch = format!("link del {}\n", self.bridge());
        for host in 0..self.hosts {
            let _ = writeln!(batch, "netns del {}", self.name(host));
            // Most have none.
            let _ = fs::remove_dir_all(self.etc(host));
        }
        // What is left vanishes with the suite's own namespace.
        let _ = run(&["-batch", "-"], &batch);
    }
}

#[track_caller]
fn ip(args: &[&str], input: &str) {
    if let Err(error) = run(args, input) {
        panic!("`ip {}` with `{input}`: {error}", args.join(" "));
    }
}

fn run(args: &[&str], input: &str) -> Result<(), String> {
    let mut child = Command::new("ip")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stdin = child.stdin.take().expect("it is piped");
    // It may have ended before it has read all; then it says why.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
