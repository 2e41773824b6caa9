//! The hosts file.

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use hickory_proto::{
    op::Query as Question,
    rr::{Name, Record, RecordType},
};
use hickory_resolver::Hosts;

use crate::resolver::{
    answer::Answer,
    error::LookupError,
    nothing::{Nothing, NothingKind},
    query::Query,
};

/// What a hosts file says, as hickory-resolver reads it.
#[derive(Debug, Default)]
pub(super) struct HostsFile {
    hosts: Hosts,
    /// The names of which it was told that they lead only here.
    told: Mutex<HashSet<Name>>,
}

/// What becomes of a look-up by the hosts file.
#[derive(Debug)]
pub(super) enum Found {
    /// The file answers: no server is asked.
    Outcome(Result<Answer, LookupError>),
    /// The file names only addresses of this machine: servers are asked. Where they say that there is
    /// nothing, this outcome is what is left. It is provisional: what the file says by itself is never
    /// a reason to believe that there is nobody else.
    OnlyUs(Result<Answer, LookupError>),
}

impl HostsFile {
    /// Reads the text of a hosts file. A line that cannot be read is left out and told: hickory-resolver
    /// 0.26 would stop at a byte that is not UTF-8.
    #[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
    pub(super) fn read(text: &[u8]) -> Self {
        let mut hosts = Hosts::default();
        for line in text.split(|byte| *byte == b'\n') {
            // A comment may be in any encoding.
            let entry = line.split(|byte| *byte == b'#').next().unwrap_or_default();
            if str::from_utf8(entry).is_err() || hosts.read_hosts_conf(entry).is_err() {
                let line = String::from_utf8_lossy(line);
                tracing::warn!(%line, "a line of the hosts file cannot be read and is left out");
            }
        }
        Self { hosts, told: Mutex::default() }
    }

    /// The system's own.
    #[cfg(not(all(unix, not(any(target_os = "android", target_vendor = "apple")))))]
    pub(super) fn system() -> Self {
        Self { hosts: Hosts::from_system().unwrap_or_default(), told: Mutex::default() }
    }

    /// What the file says of a name, which is looked up as it is written, without a search list; `None`
    /// if it does not say anything, or is not asked for addresses. A name that it has for one family has
    /// no addresses of the other.
    pub(super) fn find(&self, query: &Query) -> Option<Found> {
        if !query.record_type.is_ip_addr() {
            return None;
        }
        let mut name = query.name.clone();
        name.set_fqdn(true);
        let [v4, v6] = [RecordType::A, RecordType::AAAA].map(|family| self.records(&name, family));
        let addresses = || v4.iter().chain(&v6).filter_map(|record| record.data.ip_addr());
        addresses().next()?;
        let is_only_us = !is_localhost(&name) && addresses().all(is_own);
        let records = if query.record_type == RecordType::A { v4 } else { v6 };
        let outcome = match records.is_empty() {
            true => {
                let nothing = Nothing::new(NothingKind::NoData, None);
                Err(LookupError::Nothing(nothing.with_provisional(is_only_us)))
            }
            false => Ok(Answer::new(name.clone(), records).with_provisional(is_only_us)),
        };
        Some(match is_only_us {
            true => {
                self.tell(name);
                Found::OnlyUs(outcome)
            }
            false => Found::Outcome(outcome),
        })
    }

    fn records(&self, name: &Name, record_type: RecordType) -> Vec<Record> {
        let found = self.hosts.lookup_static_host(&Question::query(name.clone(), record_type));
        found.map(|found| found.answers().to_vec()).unwrap_or_default()
    }

    /// Says once that a name leads only to this machine. The author of the file may have named this host
    /// after the service.
    fn tell(&self, name: Name) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.contains(&name) {
            tracing::warn!(
                %name,
                "the hosts file names only this machine for the name; the name servers are asked. If \
                 the host's own name is that of the service (`hostname:` in Docker Compose), give it \
                 another one"
            );
            told.insert(name);
        }
    }
}

/// Such names are always of this machine, and no server is to be asked for them (RFC 6761 section 6.3).
fn is_localhost(name: &Name) -> bool {
    name.iter().next_back().is_some_and(|label| label.eq_ignore_ascii_case(b"localhost"))
}

/// Whether an address is one of this machine's: a socket can be bound to no other (unless the system is
/// told to allow that, `ip_nonlocal_bind`; then servers are asked first for every name in the file).
fn is_own(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback() || std::net::UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(all(test, unix, not(any(target_os = "android", target_vendor = "apple"))))]
mod tests {
    use super::*;
    use crate::resolver::nothing::NothingKind;

    fn find(text: &[u8], name: &str, record_type: RecordType) -> Option<Found> {
        let query = Query::new(Name::from_ascii(name).unwrap(), record_type);
        HostsFile::read(text).find(&query)
    }

    fn ips(outcome: Result<Answer, LookupError>) -> Vec<IpAddr> {
        match outcome {
            Ok(answer) => {
                assert!(answer.name.is_fqdn(), "no search list applies to it");
                answer.records.iter().filter_map(|record| record.data.ip_addr()).collect()
            }
            Err(LookupError::Nothing(nothing)) if nothing.kind == NothingKind::NoData => vec![],
            Err(error) => panic!("{error:?}"),
        }
    }

    fn found(text: &[u8], name: &str, record_type: RecordType) -> Option<Vec<IpAddr>> {
        match find(text, name, record_type)? {
            Found::Outcome(outcome) => Some(ips(outcome)),
            Found::OnlyUs(_) => panic!("{name} is not ours"),
        }
    }

    #[test]
    fn it_answers_for_addresses_only_whatever_the_letter_case() {
        let text = b"10.0.0.7 Here.test here # or there\nfd00::7 here\n10.0.0.8 here\n";
        let [first, second] = [7, 8].map(|last| IpAddr::from([10, 0, 0, last]));
        assert_eq!(found(text, "HERE.test.", RecordType::A), Some(vec![first]));
        assert_eq!(found(text, "here", RecordType::A), Some(vec![first, second]));
        let v6 = found(text, "here", RecordType::AAAA);
        assert_eq!(v6, Some(vec!["fd00::7".parse().unwrap()]));
        assert_eq!(found(text, "here.test", RecordType::AAAA), Some(vec![]), "the name is there");
        assert_eq!(found(text, "here", RecordType::TXT), None);
        assert_eq!(found(text, "there", RecordType::A), None);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_left_out() {
        let text = b"nonsense here\n10.0.0.7 here # caf\xe9\n10.0.0.9 \xff here\n10.0.0.8 here\n";
        let expected = [7, 8].map(|last| IpAddr::from([10, 0, 0, last]));
        assert_eq!(found(text, "here", RecordType::A), Some(expected.into()));
    }

    #[test]
    fn a_name_that_leads_only_here_is_asked_for() {
        let text =
            b"127.0.1.1 peers both\n::1 peers\n10.0.0.7 both\n127.0.0.1 localhost a.localhost\n";
        for (record_type, ip) in [(RecordType::A, "127.0.1.1"), (RecordType::AAAA, "::1")] {
            let Some(Found::OnlyUs(outcome)) = find(text, "peers", record_type) else { panic!() };
            assert_eq!(ips(outcome), [ip.parse::<IpAddr>().unwrap()]);
        }
        assert_eq!(found(text, "both", RecordType::A).map(|ips| ips.len()), Some(2));
        for name in ["localhost", "a.localhost."] {
            assert_eq!(found(text, name, RecordType::A).map(|ips| ips.len()), Some(1));
        }
    }

    #[test]
    fn it_is_told_once() {
        let hosts = HostsFile::read(b"127.0.1.1 peers\n");
        for record_type in [RecordType::A, RecordType::AAAA] {
            hosts.find(&Query::new(Name::from_ascii("peers").unwrap(), record_type));
            assert_eq!(hosts.told.lock().unwrap().len(), 1);
        }
    }

    #[test]
    fn an_address_is_ours_if_it_can_be_bound() {
        assert!(is_own([127, 9, 9, 9].into()));
        // TEST-NET-1 (RFC 5737), which is nobody's.
        assert!(!is_own([192, 0, 2, 1].into()));
    }
}
