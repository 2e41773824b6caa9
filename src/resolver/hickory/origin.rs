//! Where the system keeps its configuration.

#[cfg(not(all(unix, not(any(target_os = "android", target_vendor = "apple")))))]
use std::net::SocketAddr;
use std::{error::Error, sync::Arc};
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
use std::{io, path::PathBuf};

#[cfg(not(all(unix, not(any(target_os = "android", target_vendor = "apple")))))]
use hickory_resolver::system_conf;

#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
use super::resolv_conf;
use super::{config::Config, hosts::HostsFile};

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

    /// What the files say, if they say where to ask.
    pub(super) fn parse(&self, found: &Snapshot) -> Result<Config, Box<dyn Error + Send + Sync>> {
        let text = found.resolv_conf.as_ref().map_err(Arc::clone)?;
        let parsed = resolv_conf::parse(text);
        if !parsed.names_server {
            return Err("the configuration names no server".into());
        }
        let hosts = Arc::new(HostsFile::read(&found.hosts));
        Ok(Config { hosts, ..parsed.config })
    }

    /// The same at the start, when there is none that could stay: a system without a `resolv.conf`, or
    /// with one that names no server, has its server at hand (resolv.conf(5)).
    pub(super) fn parse_first(
        &self,
        found: &Snapshot,
    ) -> Result<Config, Box<dyn Error + Send + Sync>> {
        let parsed = match &found.resolv_conf {
            Ok(text) => resolv_conf::parse(text),
            Err(error) => {
                tracing::warn!(%error, "resolv.conf cannot be read");
                resolv_conf::parse(b"")
            }
        };
        if !parsed.names_server {
            let servers = &parsed.config.servers;
            tracing::warn!(?servers, "resolv.conf names no server; this machine's own is asked");
        }
        let hosts = Arc::new(HostsFile::read(&found.hosts));
        Ok(Config { hosts, ..parsed.config })
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

    pub(super) fn parse_first(
        &self,
        found: &Snapshot,
    ) -> Result<Config, Box<dyn Error + Send + Sync>> {
        self.parse(found)
    }

    pub(super) fn parse(&self, _: &Snapshot) -> Result<Config, Box<dyn Error + Send + Sync>> {
        let (config, options) = system_conf::read_system_conf()?;
        let (domain, mut search, servers) = config.into_parts();
        // The host's own domain counts only without a search list.
        if search.is_empty() {
            search.extend(domain);
        }
        if servers.is_empty() {
            return Err("the configuration names no server".into());
        }
        let servers = servers.iter().map(|server| SocketAddr::new(server.ip, 53)).collect();
        let attempts = u32::try_from(options.attempts).unwrap_or(u32::MAX);
        let config = Config::of_servers(servers);
        let config = config.with_options(options.ndots, options.timeout, attempts);
        Ok(Config { search, hosts: Arc::new(HostsFile::system()), ..config })
    }
}

#[cfg(all(test, unix, not(any(target_os = "android", target_vendor = "apple"))))]
mod tests {
    use std::fs;

    use hickory_proto::rr::{Name, RecordType};
    use tempfile::TempDir;

    use super::*;
    use crate::resolver::query::Query;

    fn files(resolv_conf: &str, hosts: &str) -> (TempDir, Origin) {
        let dir = TempDir::new().unwrap();
        let path = |name| dir.path().join(name);
        let origin = Origin { resolv_conf: path("resolv.conf"), hosts: Some(path("hosts")) };
        fs::write(&origin.resolv_conf, resolv_conf).unwrap();
        fs::write(path("hosts"), hosts).unwrap();
        (dir, origin)
    }

    #[test]
    fn both_files_make_the_configuration() {
        let (dir, origin) = files("nameserver 10.0.0.1\n", "10.0.0.7 here\n");
        let here = Query::new(Name::from_ascii("here").unwrap(), RecordType::A);
        let config = origin.parse(&origin.read()).unwrap();
        assert_eq!(config.servers, ["10.0.0.1:53".parse().unwrap()]);
        assert!(config.find_in_hosts(&here).is_some());
        // A system can be without a hosts file.
        fs::remove_file(dir.path().join("hosts")).unwrap();
        assert!(origin.parse(&origin.read()).unwrap().find_in_hosts(&here).is_none());
    }

    #[test]
    fn another_text_of_either_file_is_a_change() {
        let (dir, origin) = files("nameserver 10.0.0.1\n", "");
        let path = |name| dir.path().join(name);
        let seen = origin.read();
        assert!(!origin.may_have_changed(&seen, &origin.read()));
        for name in ["resolv.conf", "hosts"] {
            let before = fs::read(path(name)).unwrap();
            fs::write(path(name), "# other\n").unwrap();
            assert!(origin.may_have_changed(&seen, &origin.read()), "{name}");
            fs::write(path(name), before).unwrap();
            assert!(!origin.may_have_changed(&seen, &origin.read()), "{name}");
        }
        fs::remove_file(path("resolv.conf")).unwrap();
        assert!(origin.may_have_changed(&seen, &origin.read()));
        assert!(!origin.may_have_changed(&origin.read(), &origin.read()), "gone as before");
    }

    #[test]
    fn a_resolv_conf_that_cannot_be_read_is_a_configuration_only_at_the_start() {
        let missing = Origin { resolv_conf: "/nowhere/resolv.conf".into(), hosts: None };
        assert!(missing.parse(&missing.read()).unwrap_err().is::<Arc<io::Error>>());
        let first = missing.parse_first(&missing.read()).unwrap();
        assert_eq!(first.servers, ["127.0.0.1:53".parse().unwrap()]);
    }
}
