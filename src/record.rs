//! DNS records → addresses, SRV targets and `dnsaddr` entries. Pure; one bad record never spoils
//! the rest.

mod dropped;
mod entry;
mod glue;
mod owner;
mod section;
mod sum;
mod value;

pub use self::dropped::Dropped;
pub(crate) use self::{
    dropped::Why,
    entry::{Text, dnsaddr, texts},
    glue::Glue,
    section::Section,
    sum::{Sum, Sums},
    value::{absolute, addresses, least, port_of, targets, ttl_of_all},
};
