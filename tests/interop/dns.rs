//! The cells of the part "Name server": a node that goes by the answers of each.

use self::records::Kind;
use crate::{
    servers::Brand,
    suite::{Answer, Suite, When},
};

mod answers;
mod changes;
mod failures;
mod node;
mod nothing;
mod records;
mod samples;
mod wire;
mod world;

const PART: &str = "Name server";
const BRANDS: [Brand; 7] = [
    Brand::CoreDns,
    Brand::CoreDnsCache,
    Brand::Bind,
    Brand::Knot,
    Brand::Dnsmasq,
    Brand::Unbound,
    Brand::Kubernetes,
];

/// What a cell comes to; that it cannot be had ends it early.
type Check = fn(Brand) -> Result<Answer, Answer>;

const COLUMNS: [(&str, When, Check); 11] = [
    ("A", When::Always, |brand| answers::check(brand, Kind::A)),
    ("AAAA", When::Always, |brand| answers::check(brand, Kind::Aaaa)),
    ("SRV", When::Always, |brand| answers::check(brand, Kind::Srv)),
    ("dnsaddr", When::Always, |brand| answers::check(brand, Kind::Dnsaddr)),
    ("NXDOMAIN", When::Always, nothing::check),
    ("SERVFAIL", When::Always, failures::servfail),
    ("silence", When::Always, failures::silence),
    ("restart", When::Always, failures::restart),
    ("change every second", When::InFull, changes::check),
    ("random eight of a hundred", When::Always, samples::check),
    ("wire", When::Always, wire::check),
];

pub(crate) fn ask(suite: &mut Suite) {
    for brand in BRANDS {
        for (column, when, check) in COLUMNS {
            suite.ask(PART, &brand.to_string(), column, when, move || {
                check(brand).unwrap_or_else(|cannot| cannot)
            });
        }
    }
}
