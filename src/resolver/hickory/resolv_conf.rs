//! The text of a `resolv.conf` → a configuration.

use std::{
    error::Error,
    net::{Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs},
    time::Duration,
};

use ::resolv_conf::{Config as ResolvConf, ScopedIp};
use hickory_proto::rr::Name;

use super::config::Config;

/// `resolv.conf` knows no ports.
const PORT: u16 = 53;

/// Reads the text of a `resolv.conf`, which must name a server. A line that cannot be read is left out.
pub(super) fn parse(text: &[u8]) -> Result<Config, Box<dyn Error + Send + Sync>> {
    let (conf, errors) = ResolvConf::parse_with_errors(text);
    for error in errors {
        tracing::warn!(%error, "a line of resolv.conf cannot be read");
    }
    let servers = Vec::from_iter(conf.nameservers.iter().map(server));
    if servers.is_empty() {
        return Err("the configuration names no server".into());
    }
    let timeout = Duration::from_secs(conf.timeout.into());
    let ndots = usize::try_from(conf.ndots).unwrap_or(usize::MAX);
    let mut config = Config::of_servers(servers).with_options(ndots, timeout, conf.attempts);
    config.search = search(&conf)?;
    config.tcp_only = conf.use_vc;
    Ok(config)
}

fn server(ip: &ScopedIp) -> SocketAddr {
    match ip {
        ScopedIp::V6(ip, Some(scope)) => scoped(*ip, scope),
        ip => SocketAddr::new(ip.into(), PORT),
    }
}

/// The address on an interface, as the system knows it by name or number. Where it knows none, the
/// address is left without: asking it fails then, which is told at each look-up.
fn scoped(ip: Ipv6Addr, scope: &str) -> SocketAddr {
    // The system reads such a text as a number: nobody is asked for it.
    let found = (format!("{ip}%{scope}").as_str(), PORT).to_socket_addrs();
    let found = found.ok().and_then(|mut found| found.next());
    found.unwrap_or_else(|| SocketAddrV6::new(ip, PORT, 0, 0).into())
}

/// The domains that complete a name: those of the last `search` or `domain`, or what follows the first
/// dot of the host's own name (resolv.conf(5)).
fn search(conf: &ResolvConf) -> Result<Vec<Name>, Box<dyn Error + Send + Sync>> {
    // systemd-resolved writes `search --` where there is no domain.
    let written = conf.get_last_search_or_domain().filter(|domain| *domain != "--");
    let mut search = written.map(Name::from_str_relaxed).collect::<Result<Vec<_>, _>>()?;
    if search.is_empty() {
        // A host's name need not be one that DNS knows.
        search.extend(conf.get_system_domain().and_then(|domain| domain.parse().ok()));
    }
    Ok(search)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Config {
        parse(text.as_bytes()).unwrap()
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
        assert!(parse(b"nameserver 10.0.0.1\nsearch a..test\n").is_err());
    }

    #[test]
    fn a_line_that_cannot_be_read_is_left_out_and_one_server_is_needed() {
        let text = "nameserver 10.0.0.1\nnameserver here\nnonsense\n\u{fffd}\n";
        assert_eq!(servers(text), ["10.0.0.1:53"]);
        for none in ["", "# half-written\n", "search a.test\n", "nameserver here\n"] {
            assert!(parse(none.as_bytes()).is_err(), "{none}");
        }
    }

    #[test]
    fn the_scope_of_a_link_local_server_is_kept() {
        assert_eq!(servers("nameserver fe80::1%7"), ["[fe80::1%7]:53"]);
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
