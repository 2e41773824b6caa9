//! Where the system keeps its configuration.

use std::error::Error;
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
use std::{io, path::PathBuf, sync::Arc};

use hickory_resolver::{Hosts, system_conf};

use super::config::Config;

/// A `resolv.conf` and a hosts file.
///
/// What is compared is what the files hold. They are small, and neither a time stamp that is too
/// coarse, nor an editor that replaces the file, nor a half-written one can then deceive.
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) resolv_conf: PathBuf,
    pub(super) hosts: Option<PathBuf>,
}

#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
#[derive(Debug)]
pub(super) struct Snapshot {
    resolv_conf: Result<Vec<u8>, Arc<io::Error>>,
    hosts: Vec<u8>,
}

#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
impl Origin {
    pub(super) fn system() -> Self {
        Self { resolv_conf: "/etc/resolv.conf".into(), hosts: Some("/etc/hosts".into()) }
    }

    pub(super) fn read(&self) -> Snapshot {
        let hosts = self.hosts.as_ref().and_then(|path| std::fs::read(path).ok());
        Snapshot {
            resolv_conf: std::fs::read(&self.resolv_conf).map_err(Arc::new),
            hosts: hosts.unwrap_or_default(),
        }
    }

    pub(super) fn may_have_changed(&self, seen: &Snapshot, found: &Snapshot) -> bool {
        seen.hosts != found.hosts
            || seen.resolv_conf.as_ref().ok() != found.resolv_conf.as_ref().ok()
    }

    pub(super) fn parse(&self, found: &Snapshot) -> Result<Config, Box<dyn Error + Send + Sync>> {
        let resolv_conf = found.resolv_conf.as_ref().map_err(Arc::clone)?;
        let mut hosts = Hosts::default();
        // What cannot be read of a hosts file does not stand in the way of the rest.
        if let Err(error) = hosts.read_hosts_conf(&*found.hosts) {
            tracing::debug!(%error, "the hosts file cannot be read to its end");
        }
        Config::parse(system_conf::parse_resolv_conf(resolv_conf)?, hosts)
    }
}

/// The system's own interface, which has no notion of "unchanged": it is asked each time.
#[cfg(not(all(unix, not(any(target_os = "android", target_vendor = "apple")))))]
#[derive(Debug)]
pub(super) struct Origin;

#[cfg(not(all(unix, not(any(target_os = "android", target_vendor = "apple")))))]
#[derive(Debug)]
pub(super) struct Snapshot;

#[cfg(not(all(unix, not(any(target_os = "android", target_vendor = "apple")))))]
impl Origin {
    pub(super) fn system() -> Self {
        Self
    }

    pub(super) fn read(&self) -> Snapshot {
        Snapshot
    }

    pub(super) fn may_have_changed(&self, _: &Snapshot, _: &Snapshot) -> bool {
        true
    }

    pub(super) fn parse(&self, _: &Snapshot) -> Result<Config, Box<dyn Error + Send + Sync>> {
        Config::parse(system_conf::read_system_conf()?, Hosts::from_system().unwrap_or_default())
    }
}

#[cfg(all(test, unix, not(any(target_os = "android", target_vendor = "apple"))))]
mod tests {
    use std::{fs, net::IpAddr, time::Duration};

    use hickory_proto::rr::{Name, RecordType};
    use tempfile::TempDir;

    use super::*;
    use crate::resolver::{Query, hickory::config::Followed};

    fn files(resolv_conf: &str, hosts: &str) -> (TempDir, Origin) {
        let dir = TempDir::new().unwrap();
        let origin = Origin {
            resolv_conf: dir.path().join("resolv.conf"),
            hosts: Some(dir.path().join("hosts")),
        };
        fs::write(&origin.resolv_conf, resolv_conf).unwrap();
        fs::write(dir.path().join("hosts"), hosts).unwrap();
        (dir, origin)
    }

    fn hosts(config: &Config, name: &str, record_type: RecordType) -> Option<Vec<IpAddr>> {
        let query = Query::new(Name::from_ascii(name).unwrap(), record_type);
        let answer = config.answer_of_hosts(&query)?;
        Some(answer.records.iter().filter_map(|record| record.data.ip_addr()).collect())
    }

    #[test]
    fn everything_that_resolv_conf_says_is_taken_within_bounds() {
        let text = "nameserver 10.0.0.1\nnameserver ::1\nsearch a.test b.test\n\
            options ndots:99 timeout:0 attempts:0\n";
        let (_dir, origin) = files(text, "");
        let config = Followed::new(origin).unwrap().current(Duration::ZERO);
        let servers = ["10.0.0.1:53", "[::1]:53"].map(|server| server.parse().unwrap());
        assert_eq!(config.servers, servers);
        assert_eq!(config.search.len(), 2);
        assert_eq!(config.ndots, 15);
        assert_eq!(config.timeout, Duration::from_secs(1));
        assert_eq!(config.attempts.get(), 1);
    }

    #[test]
    fn the_hosts_file_answers_for_addresses_only_and_is_followed() {
        let (dir, origin) = files("nameserver 10.0.0.1\n", "10.0.0.7 Here.test here\n");
        let followed = Followed::new(origin).unwrap();
        let config = followed.current(Duration::ZERO);
        let there = Some(vec![IpAddr::from([10, 0, 0, 7])]);
        assert_eq!(hosts(&config, "here", RecordType::A), there);
        assert_eq!(hosts(&config, "HERE.test.", RecordType::A), there);
        assert_eq!(hosts(&config, "here", RecordType::AAAA), None);
        assert_eq!(hosts(&config, "here", RecordType::TXT), None);
        fs::remove_file(dir.path().join("hosts")).unwrap();
        assert_eq!(hosts(&followed.current(Duration::ZERO), "here", RecordType::A), None);
    }

    #[test]
    fn the_last_good_configuration_stays() {
        let (dir, origin) = files("nameserver 10.0.0.1\n", "");
        let path = dir.path().join("resolv.conf");
        let followed = Followed::new(origin).unwrap();
        let servers = || followed.current(Duration::ZERO).servers;
        let good = servers();
        fs::write(&path, "# half-written\n").unwrap();
        assert_eq!(servers(), good);
        fs::remove_file(&path).unwrap();
        assert_eq!(servers(), good);
        fs::write(&path, "nameserver 10.0.0.2\n").unwrap();
        assert_eq!(servers(), ["10.0.0.2:53".parse().unwrap()]);
        fs::write(&path, "nameserver 10.0.0.1\n").unwrap();
        assert_eq!(servers(), good);
    }

    #[tokio::test(start_paused = true)]
    async fn the_files_are_not_read_more_often_than_the_interval() {
        let (dir, origin) = files("nameserver 10.0.0.1\n", "");
        let followed = Followed::new(origin).unwrap();
        let interval = Duration::from_secs(1);
        let first = followed.current(interval).servers;
        fs::write(dir.path().join("resolv.conf"), "nameserver 10.0.0.2\n").unwrap();
        tokio::time::advance(interval / 2).await;
        assert_eq!(followed.current(interval).servers, first);
        tokio::time::advance(interval / 2).await;
        assert_ne!(followed.current(interval).servers, first);
    }

    #[test]
    fn without_a_first_good_configuration_there_is_none() {
        let (_dir, origin) = files("search a.test\n", "");
        assert!(Followed::new(origin).is_err());
        let missing = Origin { resolv_conf: "/nowhere/resolv.conf".into(), hosts: None };
        assert!(Followed::new(missing).unwrap_err().is::<Arc<io::Error>>());
    }
}
