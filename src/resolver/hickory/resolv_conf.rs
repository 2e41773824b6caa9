//! The text of a `resolv.conf` → a configuration.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs},
    time::Duration,
};

use ::resolv_conf::Config as ResolvConf;
use hickory_proto::rr::Name;

use super::config::Config;

/// `resolv.conf` knows no ports.
const PORT: u16 = 53;

/// What the text of a `resolv.conf` says.
#[derive(Debug)]
pub(super) struct Parsed {
    /// Its configuration; the server of this machine where it names none, as resolv.conf(5) has it.
    pub(super) config: Config,
    /// Whether it names a server.
    pub(super) names_server: bool,
}

/// Reads the text of a `resolv.conf`, line by line. What cannot be read costs its line and is told.
pub(super) fn parse(text: &[u8]) -> Parsed {
    let mut servers = Vec::new();
    let (mut rest, mut bad) = (Vec::new(), Vec::new());
    for line in text.split(|byte| *byte == b'\n') {
        match nameserver(line) {
            Some(Ok(server)) => servers.push(server),
            Some(Err(())) => bad.push(line),
            None => rest.extend(line),
        }
        rest.push(b'\n');
    }
    let (conf, errors) = ResolvConf::parse_with_errors(&rest);
    for error in errors {
        tracing::warn!(%error, "a line of resolv.conf cannot be read and is left out");
    }
    for line in bad {
        let line = String::from_utf8_lossy(line);
        tracing::warn!(%line, "a name server in resolv.conf cannot be read and is left out");
    }
    let names_server = !servers.is_empty();
    if !names_server {
        servers.push((Ipv4Addr::LOCALHOST, PORT).into());
    }
    let timeout = Duration::from_secs(conf.timeout.into());
    let ndots = usize::try_from(conf.ndots).unwrap_or(usize::MAX);
    let mut config = Config::of_servers(servers).with_options(ndots, timeout, conf.attempts);
    config.search = search(&conf);
    config.tcp_only = conf.use_vc;
    Parsed { config, names_server }
}

/// The server that a line names; `None` if it is a line of another kind. resolv-conf 0.7 takes only
/// letters and digits in the name of an interface, which can be `br-lan` or `eth0.5`, too.
fn nameserver(line: &[u8]) -> Option<Result<SocketAddr, ()>> {
    let words = line.split(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
    let mut words = words.filter(|word| !word.is_empty());
    words.next().filter(|word| *word == b"nameserver")?;
    let server = words.next().and_then(|word| str::from_utf8(word).ok());
    Some(server.and_then(server_at).ok_or(()))
}

fn server_at(text: &str) -> Option<SocketAddr> {
    let text = text.split([';', '#']).next()?;
    match text.split_once('%') {
        None => Some((text.parse::<IpAddr>().ok()?, PORT).into()),
        Some((_, "")) => None,
        Some((ip, scope)) => Some(scoped(ip.parse().ok()?, scope)),
    }
}

/// The address on an interface, as the system knows it by name or number. Where it knows none, the
/// address is left without: asking it fails then, which is told at each look-up.
fn scoped(ip: Ipv6Addr, scope: &str) -> SocketAddr {
    // The system reads such a text as a number: no server is asked for it.
    let found = (format!("{ip}%{scope}").as_str(), PORT).to_socket_addrs();
    let found = found.ok().and_then(|mut found| found.next());
    found.unwrap_or_else(|| SocketAddrV6::new(ip, PORT, 0, 0).into())
}

/// The domains that complete a name: those of the last `search` or `domain`, or what follows the first
/// dot of the host's own name (resolv.conf(5)).
fn search(conf: &ResolvConf) -> Vec<Name> {
    // systemd-resolved writes `search --` where there is no domain.
    let written = conf.get_last_search_or_domain().filter(|domain| *domain != "--");
    let mut search = Vec::new();
    for domain in written {
        match Name::from_str_relaxed(domain) {
            Ok(name) => search.push(name),
            Err(error) => {
                tracing::warn!(%domain, %error, "a domain in resolv.conf cannot be read and is left out");
            }
        }
    }
    if search.is_empty() {
        // A host's name need not be one that DNS knows.
        search.extend(conf.get_system_domain().and_then(|domain| domain.parse().ok()));
    }
    search
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Config {
        parse(text.as_bytes()).config
    }

    fn servers(text: &str) -> Vec<String> {
        read(text).servers.iter().map(ToString::to_string).collect()
    }

    fn searched(text: &str) -> Vec<String> {
        let config = read(&format!("nameserver 10.0.0.1\n{text}\n"));
        config.search.iter().map(Name::to_ascii).collect()
    }

    #[test]
    fn everything_that_resolv_conf_says_is_taken_within_bounds() {
        let text = "nameserver 10.0.0.1\nnameserver ::1\nsearch a.test b.test\n\
            options ndots:99 timeout:0 attempts:0\n";
        let config = read(text);
        assert_eq!(servers(text), ["10.0.0.1:53", "[::1]:53"]);
        assert_eq!(config.search.len(), 2);
        assert_eq!(config.ndots, 15);
        assert_eq!(config.timeout, Duration::from_secs(1));
        assert_eq!(config.attempts.get(), 1);
        assert!(!config.tcp_only);
    }

    #[test]
    fn without_options_the_defaults_count() {
        let (read, given) = (read("nameserver 10.0.0.1"), Config::of_servers(Vec::new()));
        let options = |config: &Config| (config.ndots, config.timeout, config.attempts);
        assert_eq!(options(&read), options(&given));
        assert_eq!(options(&read), (1, Duration::from_secs(5), 2.try_into().unwrap()));
    }

    #[test]
    fn with_use_vc_it_is_tcp_only() {
        assert!(read("nameserver 10.0.0.1\noptions use-vc\n").tcp_only);
    }

    #[test]
    fn the_last_of_search_and_domain_counts() {
        assert_eq!(searched("domain a.test\nsearch b.test c.test."), ["b.test", "c.test."]);
        assert_eq!(searched("search b.test\ndomain a.test"), ["a.test"]);
        assert_eq!(searched("search -- b_1.test"), ["b_1.test"]);
        assert_eq!(searched("search a..test b.test"), ["b.test"]);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_left_out() {
        let text = "nameserver here\nnameserver\nnonsense\n\tnameserver\t10.0.0.1 # here\r\n";
        let bytes = [b"search \xff.test\nnameserver \xff\n", text.as_bytes()].concat();
        let parsed = parse(&bytes);
        assert_eq!(parsed.config.servers, ["10.0.0.1:53".parse().unwrap()]);
        assert!(parsed.names_server);
    }

    #[test]
    fn without_a_server_it_is_that_of_this_machine() {
        for none in ["", "# half-written\n", "search a.test\n", "nameserver here\n"] {
            let parsed = parse(none.as_bytes());
            assert_eq!(parsed.config.servers, ["127.0.0.1:53".parse().unwrap()], "{none}");
            assert!(!parsed.names_server, "{none}");
        }
        assert_eq!(read("search a.test").search.len(), 1);
    }

    #[test]
    fn the_scope_of_a_link_local_server_is_kept() {
        assert_eq!(servers("nameserver fe80::1%7"), ["[fe80::1%7]:53"]);
        assert_eq!(servers("nameserver fe80::1%br-no.such_0"), ["[fe80::1]:53"]);
        // No interface has such a name.
        assert_eq!(servers("nameserver fe80::1%nosuchinterface"), ["[fe80::1]:53"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_scope_is_an_interface_by_name() {
        let index = std::fs::read_to_string("/sys/class/net/lo/ifindex").unwrap();
        let expected = format!("[fe80::1%{}]:53", index.trim());
        assert_eq!(servers("nameserver fe80::1%lo"), [expected]);
    }
}
