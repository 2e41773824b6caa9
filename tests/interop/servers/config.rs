//! What the configuration files of the servers say.

use std::{fmt::Write, net::SocketAddr, path::Path};

use super::zone::{Data, MARK, ORIGIN, Zone, absolute, mark};

/// Where a server has its files, and where it listens.
pub(super) struct Place<'a> {
    pub(super) folder: &'a Path,
    pub(super) address: SocketAddr,
    /// Where the records come from, if `address` is a cache of them.
    pub(super) origin: SocketAddr,
}

/// Where the zone file is, in the folder.
pub(super) const ZONE_FILE: &str = "zone";

/// CoreDNS looks at the file ten times a second; in Kubernetes a change comes at once too.
pub(super) fn coredns(place: &Place<'_>, cache: bool, plugins: &str) -> String {
    let zone = place.folder.join(ZONE_FILE);
    let block = |address: SocketAddr, plugins: &str| {
        format!(
            "{ORIGIN}:{} {{\n  bind {}\n  errors\n  loadbalance\n{plugins}  file {} {{\n    \
             reload 100ms\n  }}\n}}\n",
            address.port(),
            address.ip(),
            zone.display()
        )
    };
    match cache {
        // As Kubernetes' own configuration has it.
        true => block(place.address, "  cache 30\n") + &block(place.origin, plugins),
        false => block(place.address, plugins),
    }
}

/// The endpoints of an API server, as they are.
pub(super) fn kubernetes(place: &Place<'_>) -> String {
    let (ip, port, api) = (place.address.ip(), place.address.port(), place.origin);
    format!(
        "cluster.local:{port} {{\n  bind {ip}\n  errors\n  loadbalance\n  kubernetes \
         cluster.local {{\n    endpoint http://{api}\n  }}\n}}\n"
    )
}

/// By default, BIND does not load a name with more than a hundred records.
pub(super) fn bind(place: &Place<'_>) -> String {
    let (folder, port, ip) = (place.folder.display(), place.address.port(), place.address.ip());
    let (v4, v6) = match ip.is_ipv4() {
        true => (ip.to_string(), "none".to_owned()),
        false => ("none".to_owned(), ip.to_string()),
    };
    format!(
        r#"options {{
    directory "{folder}";
    listen-on port {port} {{ {v4}; }};
    listen-on-v6 port {port} {{ {v6}; }};
    pid-file none;
    session-keyfile none;
    recursion no;
    dnssec-validation no;
}};
controls {{ }};
zone "{ORIGIN}" {{
    type primary;
    file "{ZONE_FILE}";
    max-records-per-type 0;
}};
"#
    )
}

pub(super) fn knot(place: &Place<'_>) -> String {
    let (folder, address) = (place.folder.display(), at(place.address));
    format!(
        "server:
    listen: {address}
    rundir: {folder}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: {folder}
zone:
  - domain: {ORIGIN}
    storage: {folder}
    file: {ZONE_FILE}
    journal-content: none
"
    )
}

/// In the foreground, with its output open: that closes only when it ends.
///
/// It has no zone file: addresses stand in a hosts file, all else in the configuration.
pub(super) fn dnsmasq(place: &Place<'_>, zone: &Zone) -> String {
    let hosts = place.folder.join(HOSTS_FILE);
    let mut config = format!(
        "port={}\nlisten-address={}\nbind-interfaces\nno-resolv\nno-hosts\naddn-hosts={}\n\
         local=/{}/\nlocal-ttl={}\nuser=root\nno-daemon\npid-file\nlog-facility=-\n",
        place.address.port(),
        place.address.ip(),
        hosts.display(),
        plain("@"),
        zone.ttl
    );
    for (name, data) in zone.all() {
        let name = plain(name);
        // Nothing that can fail: it is a string.
        let _ = match data {
            Data::Address(_) => Ok(()),
            Data::Srv(port, target) => {
                writeln!(config, "srv-host={name},{},{port}", plain(target))
            }
            Data::Text(text) => writeln!(config, "txt-record={name},\"{text}\""),
        };
    }
    config
}

/// Where dnsmasq reads addresses from, in the folder.
pub(super) const HOSTS_FILE: &str = "hosts";

pub(super) fn hosts(zone: &Zone, serial: u16) -> String {
    let mut file = format!("{} {}\n", mark(serial), plain(MARK));
    for (name, data) in zone.all() {
        if let Data::Address(ip) = data {
            // Nothing that can fail: it is a string.
            let _ = writeln!(file, "{ip} {}", plain(name));
        }
    }
    file
}

/// A name as dnsmasq wants it: it does not know what a dot at the end means.
fn plain(name: &str) -> String {
    absolute(name).trim_end_matches('.').to_owned()
}

/// A cache that forgets soon that the server behind it was away. `access` is what it says to whoever asks.
pub(super) fn unbound(place: &Place<'_>, access: &str) -> String {
    let (address, origin) = (at(place.address), at(place.origin));
    format!(
        r#"server:
    directory: "{}"
    chroot: ""
    username: ""
    pidfile: ""
    logfile: ""
    use-syslog: no
    do-daemonize: no
    num-threads: 1
    interface: {address}
    access-control: 0.0.0.0/0 {access}
    access-control: 127.0.0.0/8 {access}
    access-control: ::/0 {access}
    module-config: "iterator"
    do-not-query-localhost: no
    infra-host-ttl: 1
    local-zone: "test." nodefault
remote-control:
    control-enable: no
forward-zone:
    name: "{ORIGIN}"
    forward-addr: {origin}
"#,
        place.folder.display()
    )
}

/// How Knot and Unbound write an address with a port.
fn at(address: SocketAddr) -> String {
    format!("{}@{}", address.ip(), address.port())
}
