//! What stands in for a Kubernetes API server, of which CoreDNS learns the endpoints of one service.

use std::{
    io::Write,
    net::{IpAddr, SocketAddr},
};

use hickory_proto::rr::RecordType;

use super::{
    free_address,
    zone::{Data, Zone},
};
use crate::{program::Program, suite::Answer, tools::Tool};

/// The name whose addresses the service has, of those in a zone.
pub(crate) const SERVICE: &str = "peers";
/// What Kubernetes calls it.
pub(super) const SERVICE_NAME: &str = "peers.default.svc.cluster.local.";
const API: Tool = Tool { name: "api", needs: "`tests/interop/run` builds it" };

/// The API server.
pub(super) struct Api {
    program: Option<Program>,
    pub(super) address: SocketAddr,
}

impl Api {
    /// One that does not run yet.
    pub(super) fn new(ip: IpAddr) -> Result<Self, Answer> {
        API.find()?;
        Ok(Self { program: None, address: free_address(ip) })
    }

    /// Tells of as many endpoints as a zone names, from now on.
    pub(super) fn set(&mut self, zone: &Zone) {
        let count = endpoints(zone);
        match &mut self.program {
            Some(program) => writeln!(program.stdin(), "{count}").expect("it reads"),
            None => self.launch(count, record_type(zone)),
        }
    }

    pub(super) fn stop(&mut self) {
        self.program = None;
    }

    fn launch(&mut self, count: usize, record_type: RecordType) {
        let mut command = API.command().expect("it was found");
        command.arg("--listen").arg(self.address.to_string());
        command.arg("--endpoints").arg(count.to_string());
        if record_type == RecordType::AAAA {
            command.arg("--ipv6");
        }
        let program = Program::start("the API server", &mut command);
        program.wait_for("that it listens", |line| line["event"] == "listening");
        self.program = Some(program);
    }
}

/// Of which family the endpoints are.
pub(super) fn record_type(zone: &Zone) -> RecordType {
    let first = zone.records.get(SERVICE).and_then(|addresses| addresses.first());
    match first {
        Some(Data::Address(IpAddr::V6(_))) => RecordType::AAAA,
        _ => RecordType::A,
    }
}

pub(super) fn endpoints(zone: &Zone) -> usize {
    zone.records.get(SERVICE).map_or(0, |addresses| addresses.len())
}
