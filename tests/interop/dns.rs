//! The cells of the part "Name server": a node that goes by the answers of each. And of those that hold
//! of a node and servers that fail.

use self::records::Kind;
use crate::{
    servers::Brand,
    suite::{Answer, Suite, When},
};

mod answers;
mod changes;
mod codes;
mod failures;
mod node;
mod nothing;
mod pairs;
mod records;
mod samples;
mod views;
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

const COLUMNS: [(&str, Check); 12] = [
    ("A", |brand| answers::check(brand, Kind::A)),
    ("AAAA", |brand| answers::check(brand, Kind::Aaaa)),
    ("SRV", |brand| answers::check(brand, Kind::Srv)),
    ("SRV, two families", pairs::check),
    ("dnsaddr", |brand| answers::check(brand, Kind::Dnsaddr)),
    ("NXDOMAIN", nothing::check),
    ("SERVFAIL", failures::servfail),
    ("silence", failures::silence),
    ("restart", failures::restart),
    ("change every second", changes::check),
    ("random eight of a hundred", samples::check),
    ("wire", wire::check),
];

/// In full are those that take more than 20 seconds, as caches remember, and Kubernetes, whose plugin takes
/// minutes to build.
fn when(brand: Brand, column: &str) -> When {
    match (brand, column) {
        (_, "change every second")
        | (Brand::CoreDnsCache | Brand::Unbound, "NXDOMAIN")
        | (Brand::Unbound, "SERVFAIL")
        | (Brand::Kubernetes, _) => When::InFull,
        _ => When::Always,
    }
}

pub(crate) fn ask(suite: &mut Suite) {
    for brand in BRANDS {
        for (column, check) in COLUMNS {
            suite.ask(PART, &brand.to_string(), column, when(brand, column), move || {
                check(brand).unwrap_or_else(|cannot| cannot)
            });
        }
    }
    codes::ask(suite);
    views::ask(suite);
}
