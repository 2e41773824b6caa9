//! A name server of several domains, some of which fail, as the domains of a search list do.

use std::{fmt::Write as _, fs, net::SocketAddr, process::Command};

use hickory_proto::rr::RecordType;
use serde_json::Value;
use tempfile::TempDir;

use super::{quirk::Code, wire};
use crate::program::Program;

/// What a domain is like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Domain<'a> {
    /// It has these records and no others, one a line, their names relative to it.
    Has(&'a str),
    Fails(Code),
    /// Nothing comes back.
    IsSilent,
}

/// A CoreDNS, which also knows that there is nothing elsewhere. It is killed when this is dropped.
pub(crate) struct Domains {
    program: Program,
    _folder: TempDir,
}

/// In seconds.
const TTL: u32 = 5;

impl Domains {
    /// Starts it by a command, such as one on another host, and waits until it answers at an address. It
    /// listens at `listen`: addresses or interfaces.
    pub(crate) fn start(
        mut command: Command,
        listen: &str,
        address: SocketAddr,
        domains: &[(&str, Domain<'_>)],
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let elsewhere = "  template ANY ANY {\n    rcode NXDOMAIN\n    authority \". 5 IN SOA ns. root. 1 \
                         60 60 3600 5\"\n  }\n";
        let mut config = block(".", listen, elsewhere);
        for (origin, domain) in domains {
            config += &block(origin, listen, &plugin(&folder, origin, *domain));
        }
        let path = folder.path().join("config");
        fs::write(&path, config).expect("it can be written");
        let program = Program::start("CoreDNS", command.arg("-conf").arg(path));
        // It listens everywhere before it answers anywhere.
        let ask = || wire::try_over_udp(address, "ready.", RecordType::A);
        wire::wait_for("answer", &program, ask, |_| true);
        Self { program, _folder: folder }
    }

    /// Its address can be another's from now on.
    pub(crate) fn stop(&mut self) {
        self.program.kill();
    }

    /// Waits until it was asked for a name so many times.
    #[track_caller]
    pub(crate) fn is_asked(&self, record_type: RecordType, name: &str, times: usize) {
        self.program.wait_until(&format!("{record_type} of {name} is asked"), |lines| {
            (count(lines, record_type, name) >= times).then_some(())
        });
    }

    /// How often it was asked for a name.
    pub(crate) fn times(&self, record_type: RecordType, name: &str) -> usize {
        self.program.with_lines(|lines| count(lines, record_type, name))
    }
}

fn count(lines: &[Value], record_type: RecordType, name: &str) -> usize {
    let wanted = record_type.to_string();
    let is_it = |line: &&Value| line["asked"] == *name && line["type"] == *wanted;
    lines.iter().filter(is_it).count()
}

/// A part of the Corefile, which prints each query as a line of JSON.
fn block(origin: &str, listen: &str, plugin: &str) -> String {
    let line = r#"{\"asked\":\"{name}\",\"type\":\"{type}\"}"#;
    format!("{origin}:53 {{\n  bind {listen}\n  errors\n  log . \"{line}\"\n{plugin}}}\n")
}

fn plugin(folder: &TempDir, origin: &str, domain: Domain<'_>) -> String {
    match domain {
        Domain::Has(records) => {
            let path = folder.path().join(format!("{origin}.zone"));
            let mut zone = format!("$ORIGIN {origin}.\n$TTL {TTL}\n");
            // Nothing that can fail: it is a string.
            let _ = writeln!(zone, "@ SOA ns root 1 60 60 3600 {TTL}\n@ NS ns\nns A 127.0.0.1");
            fs::write(&path, zone + records).expect("it can be written");
            format!("  file {}\n", path.display())
        }
        Domain::Fails(code) => format!("  template ANY ANY {{\n    rcode {code}\n  }}\n"),
        Domain::IsSilent => "  erratic {\n    drop 1\n  }\n".to_owned(),
    }
}
