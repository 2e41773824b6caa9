//! The hosts file.

use hickory_proto::op::Query as Question;
use hickory_resolver::Hosts;

use crate::resolver::{answer::Answer, query::Query};

/// What a hosts file says, as hickory-resolver reads it.
#[derive(Debug, Default)]
pub(super) struct HostsFile(Hosts);

impl HostsFile {
    /// Reads the text of a hosts file. hickory-resolver 0.26 stops at the first line that is not UTF-8;
    /// what comes before it counts, and the rest of the configuration does not suffer.
    #[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
    pub(super) fn read(text: &[u8]) -> Self {
        let mut hosts = Hosts::default();
        if let Err(error) = hosts.read_hosts_conf(text) {
            tracing::debug!(%error, "the hosts file cannot be read to its end");
        }
        Self(hosts)
    }

    /// The system's own.
    #[cfg(not(all(unix, not(any(target_os = "android", target_vendor = "apple")))))]
    pub(super) fn system() -> Self {
        Self(Hosts::from_system().unwrap_or_default())
    }

    /// The addresses of a name, which is looked up as it is written, without a search list.
    pub(super) fn answer(&self, query: &Query) -> Option<Answer> {
        let mut name = query.name.clone();
        name.set_fqdn(true);
        let question = Question::query(name.clone(), query.record_type);
        let found = self.0.lookup_static_host(&question)?;
        Some(Answer::new(name, found.answers().to_vec()))
    }
}

#[cfg(all(test, unix, not(any(target_os = "android", target_vendor = "apple"))))]
mod tests {
    use std::net::IpAddr;

    use hickory_proto::rr::{Name, RecordType};

    use super::*;

    fn found(text: &[u8], name: &str, record_type: RecordType) -> Option<Vec<IpAddr>> {
        let query = Query::new(Name::from_ascii(name).unwrap(), record_type);
        let answer = HostsFile::read(text).answer(&query)?;
        assert!(answer.name.is_fqdn(), "no search list applies to it");
        Some(answer.records.iter().filter_map(|record| record.data.ip_addr()).collect())
    }

    #[test]
    fn it_answers_for_addresses_only_whatever_the_letter_case() {
        let text = b"10.0.0.7 Here.test here # or there\nfd00::7 here\n10.0.0.8 here\n";
        let [first, second] = [7, 8].map(|last| IpAddr::from([10, 0, 0, last]));
        assert_eq!(found(text, "HERE.test.", RecordType::A), Some(vec![first]));
        assert_eq!(found(text, "here", RecordType::A), Some(vec![first, second]));
        let v6 = found(text, "here", RecordType::AAAA);
        assert_eq!(v6, Some(vec!["fd00::7".parse().unwrap()]));
        assert_eq!(found(text, "here.test", RecordType::AAAA), None);
        assert_eq!(found(text, "here", RecordType::TXT), None);
        assert_eq!(found(text, "there", RecordType::A), None);
    }

    #[test]
    fn what_comes_before_a_line_that_cannot_be_read_counts() {
        let text = b"nonsense here\n10.0.0.7 here\n\xff\n10.0.0.8 here\n";
        let there = Some(vec![IpAddr::from([10, 0, 0, 7])]);
        assert_eq!(found(text, "here", RecordType::A), there);
    }
}
