//! Real name servers, each a process with its files in a folder of its own.
//!
//! They are started in the network namespace of the thread that starts them.

use std::{
    cell::Cell,
    fs,
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    path::PathBuf,
    process,
    sync::atomic::{AtomicU16, Ordering},
};

use hickory_proto::rr::RecordType;
use tempfile::TempDir;

pub(crate) use self::{
    brand::{Brand, SAMPLE},
    domains::{Domain, Domains},
    kubernetes::SERVICE,
    quirk::{Code, Form, Quirk},
    wire::{UDP_PAYLOAD, ask_over_tcp, ask_over_udp},
    zone::Zone,
};
use self::{
    config::{HOSTS_FILE, Place, ZONE_FILE},
    kubernetes::Api,
    zone::{Data, MARK, mark},
};
use crate::{program::Program, suite::Answer};

mod brand;
mod config;
mod domains;
mod kubernetes;
mod quirk;
mod wire;
mod zone;

/// A name server. It is killed when this is dropped.
pub(crate) struct Server {
    brand: Brand,
    address: SocketAddr,
    /// Where the records come from: elsewhere, if this is a cache of them.
    origin: SocketAddr,
    behind: Option<Box<Server>>,
    api: Option<Api>,
    folder: TempDir,
    zone: Zone,
    serial: u16,
    program: Option<Program>,
}

impl Server {
    /// Starts a server, and waits until it answers. `Cannot`, if the program is missing.
    pub(crate) fn start(brand: Brand, address: SocketAddr, zone: &Zone) -> Result<Self, Answer> {
        brand.check()?;
        let ip = address.ip();
        let behind = brand.behind().map(|behind| Self::start(behind, free_address(ip), zone));
        let behind = behind.transpose()?.map(Box::new);
        let api = match brand {
            Brand::Kubernetes => Some(Api::new(ip)?),
            _ => None,
        };
        let origin = match (&behind, &api) {
            (Some(behind), _) => behind.address,
            (_, Some(api)) => api.address,
            (None, None) if brand == Brand::CoreDnsCache => free_address(ip),
            (None, None) => address,
        };
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (zone, serial) = (zone.clone(), 1);
        let mut server =
            Self { brand, address, origin, behind, api, folder, zone, serial, program: None };
        server.launch();
        Ok(server)
    }

    pub(crate) fn brand(&self) -> Brand {
        self.brand
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the records while it runs, and waits until it serves them. Of a cache, the server
    /// behind it: the cache itself shall go by what it was told.
    pub(crate) fn set(&mut self, zone: &Zone) {
        let only_addresses = others(&self.zone).eq(others(zone));
        self.zone = zone.clone();
        self.serial += 1;
        if let Some(behind) = &mut self.behind {
            return behind.set(zone);
        }
        // All that it reads again is the hosts file.
        if self.brand == Brand::Dnsmasq && !only_addresses {
            return self.restart();
        }
        self.write();
        self.reload();
        let origin = if self.api.is_some() { self.address } else { self.origin };
        self.wait_for_zone(origin);
    }

    /// Makes it silent.
    pub(crate) fn freeze(&self) {
        self.running().freeze();
    }

    pub(crate) fn thaw(&self) {
        self.running().signal("CONT");
    }

    pub(crate) fn stop(&mut self) {
        self.program = None;
        self.behind.iter_mut().for_each(|behind| behind.stop());
        self.api.iter_mut().for_each(Api::stop);
    }

    /// Stops it and starts it again, with the records of a zone.
    pub(crate) fn restart_with(&mut self, zone: &Zone) {
        self.stop();
        self.zone = zone.clone();
        if let Some(behind) = &mut self.behind {
            behind.restart_with(zone);
        }
        self.restart();
    }

    fn restart(&mut self) {
        self.program = None;
        self.launch();
    }

    /// Makes it fail: it, or the server behind it, has lost its zone.
    pub(crate) fn fail(&mut self) {
        if let Some(behind) = &mut self.behind {
            behind.fail();
        } else {
            self.stop();
            self.write();
            self.remove_zone();
            self.spawn();
        }
        // Nobody has asked for it yet, so that no cache knows.
        let name = self.brand.absolute(&format!("unknown-{}.{SERVICE}", self.serial));
        let ask = || wire::try_over_udp(self.address, &name, RecordType::A);
        wire::wait_for("fail", self.running(), ask, wire::has_failed);
    }

    /// The opposite of [`fail`](Self::fail), with the records of a zone.
    pub(crate) fn heal(&mut self, zone: &Zone) {
        match self.brand {
            Brand::Dnsmasq => self.restart_with(zone),
            _ => self.set(zone),
        }
    }

    fn launch(&mut self) {
        self.write();
        if let Some(api) = &mut self.api {
            api.set(&self.zone);
        }
        self.spawn();
        self.wait_for_zone(self.address);
    }

    fn spawn(&mut self) {
        let mut command = self.brand.command(&self.path("config")).expect("it was found");
        self.program = Some(Program::start(self.brand.to_string(), &mut command));
    }

    fn running(&self) -> &Program {
        self.program.as_ref().expect("it runs")
    }

    fn reload(&mut self) {
        match &mut self.api {
            Some(api) => api.set(&self.zone),
            None => self.hang_up(),
        }
    }

    /// Has it read its files again.
    fn hang_up(&self) {
        match self.brand {
            Brand::Bind | Brand::Knot | Brand::Dnsmasq => self.running().signal("HUP"),
            // It looks by itself, or is told by the server behind it.
            _ => {}
        }
    }

    /// Waits until the zone is served at an address.
    fn wait_for_zone(&self, address: SocketAddr) {
        let (what, server) = ("serve the zone", self.running());
        if self.brand == Brand::UnboundRefusing {
            let ask = || wire::try_over_udp(address, &self.brand.absolute(MARK), RecordType::A);
            return wire::wait_for("refuse", server, ask, wire::has_failed);
        }
        if self.brand == Brand::Kubernetes {
            let count = kubernetes::endpoints(&self.zone);
            let (name, family) =
                (self.brand.absolute(SERVICE), kubernetes::record_type(&self.zone));
            let ask = || wire::ask_over_tcp(address, &name, family);
            return wire::wait_for(what, server, ask, |reply| wire::has_so_many(reply, count));
        }
        let serial = self.behind.as_ref().map_or(self.serial, |behind| behind.serial);
        let name = self.brand.absolute(MARK);
        let replies = Cell::new(0_u32);
        let ask = || {
            let reply = wire::try_over_udp(address, &name, RecordType::A)?;
            replies.set(replies.get() + 1);
            // Who was still busy with what it had been told before may not have listened.
            if replies.get().is_multiple_of(REPLIES_BEFORE_REMINDER) {
                self.hang_up();
            }
            Ok(reply)
        };
        wire::wait_for(what, server, ask, |reply| wire::has_address(reply, mark(serial)));
    }

    fn write(&self) {
        let (address, origin) = (self.address, self.origin);
        let place = Place { folder: self.folder.path(), address, origin };
        let config = match self.brand {
            Brand::CoreDns => config::coredns(&place, false, ""),
            Brand::CoreDnsCache => config::coredns(&place, true, ""),
            Brand::CoreDnsSample => config::coredns(&place, false, &format!("  sample {SAMPLE}\n")),
            Brand::CoreDnsWith(quirk) => config::coredns(&place, false, &quirk.plugin()),
            Brand::Bind => config::bind(&place),
            Brand::Knot => config::knot(&place),
            Brand::Dnsmasq => config::dnsmasq(&place, &self.zone),
            Brand::Unbound | Brand::UnboundBefore(_) => config::unbound(&place, "allow"),
            Brand::UnboundRefusing => config::unbound(&place, "refuse"),
            Brand::Kubernetes => config::kubernetes(&place),
        };
        self.put("config", &config);
        match self.brand {
            Brand::Dnsmasq => self.put(HOSTS_FILE, &config::hosts(&self.zone, self.serial)),
            _ => self.put(ZONE_FILE, &self.zone.file(self.serial)),
        }
    }

    fn remove_zone(&self) {
        match self.brand {
            // Of what it does not know, it says that it is not its own.
            Brand::Dnsmasq => {
                let config = fs::read_to_string(self.path("config")).expect("it was written");
                let is_own = |line: &&str| !line.starts_with("local=");
                let lines: Vec<_> = config.lines().filter(is_own).collect();
                self.put("config", &(lines.join("\n") + "\n"));
                self.put(HOSTS_FILE, "");
            }
            // It has none: the API server is away.
            Brand::Kubernetes => {}
            _ => fs::remove_file(self.path(ZONE_FILE)).expect("it was written"),
        }
    }

    /// Whoever reads a file sees all of it.
    fn put(&self, name: &str, text: &str) {
        let new = self.path("new");
        fs::write(&new, text).expect("it can be written");
        fs::rename(&new, self.path(name)).expect("it can be renamed");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// How often a server answers as before a change until it is told again.
const REPLIES_BEFORE_REMINDER: u32 = 200;

/// What is no address.
fn others(zone: &Zone) -> impl Iterator<Item = (&str, &Data)> {
    zone.all().filter(|(_, data)| !matches!(data, Data::Address(_)))
}

/// How many ports servers may take.
const PORTS: u32 = 20_000;

/// An address that nobody uses and that no client is given by the system: those are above 32,768.
pub(crate) fn free_address(ip: IpAddr) -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Several runs may take place at once.
    let first = process::id() % 200 * 100;
    for _ in 0..PORTS {
        let next = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = (first + next) % PORTS + 12_000;
        let address = SocketAddr::new(ip, u16::try_from(port).expect("it is below 32,000"));
        if UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("{ip} is no address of this network namespace, or has no free port");
}
