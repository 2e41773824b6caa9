//! The system's configuration, followed as it changes.

use std::{
    error::Error,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use web_time::Instant;

use super::{
    config::Config,
    origin::{Origin, Snapshot},
};

/// The system's configuration, read again when it changes.
#[derive(Debug)]
pub(super) struct Followed {
    origin: Origin,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    good: Config,
    seen: Snapshot,
    checked: Option<Instant>,
    /// Said once for each time that the configuration breaks, not at every look-up.
    complained: bool,
}

impl Followed {
    pub(super) fn new(origin: Origin) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let seen = origin.read();
        let good = origin.parse_first(&seen)?;
        let state = State { good, seen, checked: None, complained: false };
        Ok(Self { origin, state: Mutex::new(state) })
    }

    /// The configuration as it is now, or the last good one. Checked at most every `interval`.
    pub(super) fn current(&self, interval: Duration, now: Instant) -> Config {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.checked.is_none_or(|checked| now.duration_since(checked) >= interval) {
            state.checked = Some(now);
            self.refresh(&mut state);
        }
        state.good.clone()
    }

    fn refresh(&self, state: &mut State) {
        let found = self.origin.read();
        if !self.origin.may_have_changed(&state.seen, &found) {
            return;
        }
        match self.origin.parse(&found) {
            Ok(config) => {
                if config.servers != state.good.servers || state.complained {
                    tracing::info!(servers = ?config.servers, "the DNS configuration has changed");
                }
                state.good = config;
                state.complained = false;
            }
            Err(error) if !state.complained => {
                tracing::warn!(%error, "the DNS configuration cannot be read; the last good one stays");
                state.complained = true;
            }
            Err(_) => {}
        }
        state.seen = found;
    }
}

#[cfg(all(test, unix, not(any(target_os = "android", target_vendor = "apple"))))]
mod tests {
    use std::{fs, net::SocketAddr};

    use tempfile::TempDir;

    use super::*;
    use crate::shell;

    /// A configuration in a file, which is looked at again as often as it is asked for.
    struct File(TempDir, Followed);

    impl File {
        fn new(text: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
            let dir = TempDir::new().unwrap();
            let resolv_conf = dir.path().join("resolv.conf");
            fs::write(&resolv_conf, text).unwrap();
            Ok(Self(dir, Followed::new(Origin { resolv_conf, hosts: None })?))
        }

        fn write(&self, text: &str) {
            fs::write(self.0.path().join("resolv.conf"), text).unwrap();
        }

        fn servers(&self) -> Vec<SocketAddr> {
            self.1.current(Duration::ZERO, shell::now()).servers
        }
    }

    fn server(text: &str) -> [SocketAddr; 1] {
        [text.parse().unwrap()]
    }

    #[test]
    fn the_last_good_configuration_stays() {
        let file = File::new("nameserver 10.0.0.1\n").unwrap();
        file.write("# half-written\n");
        assert_eq!(file.servers(), server("10.0.0.1:53"));
        fs::remove_file(file.0.path().join("resolv.conf")).unwrap();
        assert_eq!(file.servers(), server("10.0.0.1:53"));
        file.write("nameserver 10.0.0.2\n");
        assert_eq!(file.servers(), server("10.0.0.2:53"));
        file.write("nameserver 10.0.0.1\n");
        assert_eq!(file.servers(), server("10.0.0.1:53"));
    }

    #[test]
    fn what_is_broken_is_complained_of_once() {
        let file = File::new("nameserver 10.0.0.1\n").unwrap();
        let complained = || file.1.state.lock().unwrap().complained;
        for text in ["# half-written\n", "# still half-written\n"] {
            file.write(text);
            file.servers();
            assert!(complained());
        }
        file.write("nameserver 10.0.0.1\n");
        file.servers();
        assert!(!complained());
    }

    #[test]
    fn the_file_is_not_read_more_often_than_the_interval() {
        let file = File::new("nameserver 10.0.0.1\n").unwrap();
        let (start, interval) = (shell::now(), Duration::from_secs(1));
        let servers = |after| file.1.current(interval, start + after).servers;
        assert_eq!(servers(Duration::ZERO), server("10.0.0.1:53"));
        file.write("nameserver 10.0.0.2\n");
        assert_eq!(servers(interval / 2), server("10.0.0.1:53"));
        assert_eq!(servers(interval), server("10.0.0.2:53"));
    }

    #[test]
    fn without_a_server_at_the_start_this_machine_is_asked() {
        let file = File::new("search a.test\n").unwrap();
        assert_eq!(file.servers(), server("127.0.0.1:53"));
        file.write("nameserver 10.0.0.1\n");
        assert_eq!(file.servers(), server("10.0.0.1:53"));
    }
}
