//! Names and records for unit tests, and a count of the candidates that are looked at.

use std::cell::Cell;

use hickory_proto::rr::{
    Name, RData, Record,
    rdata::{A, SRV},
};

/// A name from its presentation format (RFC 1035, section 5.1).
pub(crate) fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// An A record of `10.0.0.last`.
pub(crate) fn a(owner: &str, ttl: u32, last: u8) -> Record {
    Record::from_rdata(name(owner), ttl, RData::A(A::new(10, 0, 0, last)))
}

/// An SRV record of `s.` that names a target and a port, for 5 s.
pub(crate) fn srv(target: &str, port: u16) -> Record {
    Record::from_rdata(name("s."), 5, RData::SRV(SRV::new(0, 0, port, name(target))))
}

thread_local! {
    static LOOKS: Cell<usize> = const { Cell::new(0) };
}

/// Counts a look at one thing of which there may be thousands: at a candidate, say.
pub(crate) fn look() {
    LOOKS.set(LOOKS.get() + 1);
}

/// How often something is looked at by this. It does not depend on how fast the machine is.
pub(crate) fn looks(act: impl FnOnce()) -> usize {
    let before = LOOKS.get();
    act();
    LOOKS.get() - before
}
