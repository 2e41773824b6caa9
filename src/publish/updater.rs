//! The exchange with the name server: the [`Updater`] trait, its update and its errors.

use std::{error::Error, sync::Arc};

use futures::future::BoxFuture;
use hickory_proto::{
    op::ResponseCode,
    rr::{Name, rdata::TXT},
};

/// The future of one exchange.
pub type ExchangeFuture<T> = BoxFuture<'static, Result<T, UpdateError>>;

/// Reads and updates the TXT records of one name.
///
/// Object-safe, and implemented for `Arc<dyn Updater>`, `Arc<U>` and `Box<dyn Updater>`.
///
/// # Contract
///
/// - The returned future is polled inside the swarm's task. Dropping it abandons the exchange;
///   whether the server has carried it out is then unknown.
/// - The publisher has at most one exchange under way, and abandons it after
///   [`Config::with_timeout`](super::Config::with_timeout).
/// - A read returns the records that the zone's primary server has now. With an answer from a cache, the
///   publisher would restore records that are gone, and overlook records that are there.
pub trait Updater: Send + Sync + 'static {
    /// Reads all TXT records at a name. If not all can be read, that is a failure
    /// ([`UpdateError::Full`]). A name without records gives an empty list, and no failure.
    fn read(&self, owner: Name) -> ExchangeFuture<Vec<TXT>>;

    /// Makes one update, as a whole or not at all.
    fn update(&self, update: Update) -> ExchangeFuture<()>;
}

impl<U: Updater + ?Sized> Updater for Arc<U> {
    fn read(&self, owner: Name) -> ExchangeFuture<Vec<TXT>> {
        (**self).read(owner)
    }

    fn update(&self, update: Update) -> ExchangeFuture<()> {
        (**self).update(update)
    }
}

impl<U: Updater + ?Sized> Updater for Box<U> {
    fn read(&self, owner: Name) -> ExchangeFuture<Vec<TXT>> {
        (**self).read(owner)
    }

    fn update(&self, update: Update) -> ExchangeFuture<()> {
        (**self).update(update)
    }
}

/// One update of the TXT records at a name ([RFC 2136 section 2.5]).
///
/// The update names every record exactly, down to where its character-strings end. Records that are not
/// listed are left alone, even if another party changes the zone at the same time. So no prerequisites
/// are needed.
///
/// [RFC 2136 section 2.5]: https://www.rfc-editor.org/rfc/rfc2136#section-2.5
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Update {
    /// The zone that the name is in, absolute.
    pub zone: Name,
    /// The name, absolute.
    pub owner: Name,
    /// The TTL of the added records, in seconds. All records of a name have one TTL ([RFC 2181 section
    /// 5.2]), so servers also give it to the records that are there already.
    ///
    /// [RFC 2181 section 5.2]: https://www.rfc-editor.org/rfc/rfc2181#section-5.2
    pub ttl: u32,
    /// The records to delete. It is no failure if one of them is gone already.
    pub delete: Vec<TXT>,
    /// The records to add. It is no failure if one of them is there already.
    pub add: Vec<TXT>,
}

impl Update {
    /// Makes an update that changes nothing yet, at a name in a zone. Records that are added to it get a TTL
    /// of 30 s.
    pub fn new(zone: Name, owner: Name) -> Self {
        Self { zone, owner, ttl: 30, delete: Vec::new(), add: Vec::new() }
    }
}

/// Why the zone could not be read or updated. After [`TimedOut`](Self::TimedOut),
/// [`Unverified`](Self::Unverified) and [`Failed`](Self::Failed), the server may have carried out
/// the update nevertheless. After the other errors, the zone is unchanged.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// `REFUSED`.
    #[error(
        "the name server refuses (REFUSED): its policy does not let the key `{key}` change TXT \
         records at {owner}; grant that (BIND: `update-policy`, Knot: `acl`)"
    )]
    #[non_exhaustive]
    Refused {
        /// The key's name.
        key: String,
        /// What was to be read or changed.
        owner: String,
    },
    /// `NOTAUTH` without an error of TSIG, or an answer without authority.
    #[error(
        "the name server does not serve the zone of {owner} with authority (NOTAUTH): name the \
         zone as it is configured there, and its primary server"
    )]
    #[non_exhaustive]
    NotAuth {
        /// What was to be read or changed.
        owner: String,
    },
    /// `NOTAUTH` with `BADKEY`. Knot also says this if its `acl` does not allow the key.
    #[error(
        "the name server does not take the key `{key}` (BADKEY): the key's name and algorithm must \
         be those of the server's configuration, and with Knot an `acl` must let it change TXT \
         records at {owner}"
    )]
    #[non_exhaustive]
    BadKey {
        /// The key's name.
        key: String,
        /// What was to be read or changed.
        owner: String,
    },
    /// `NOTAUTH` with `BADSIG`.
    #[error(
        "the name server does not accept the signature by the key `{key}` (BADSIG): the key's \
         secret differs from the server's"
    )]
    #[non_exhaustive]
    BadSig {
        /// The key's name.
        key: String,
    },
    /// `NOTAUTH` with `BADTIME`.
    #[error(
        "the clocks of this machine and of the name server differ too much (BADTIME{}): set them",
        skew(*.server_ahead)
    )]
    #[non_exhaustive]
    BadTime {
        /// By how many seconds the server's clock is ahead of ours, where it says so. Not
        /// authenticated if the server's reply was not.
        server_ahead: Option<i64>,
    },
    /// The reply is not signed by our key, or answers another request: another party may have sent
    /// it.
    #[error("the name server's reply is not signed by our key, and was not believed")]
    Unverified(#[source] Arc<dyn Error + Send + Sync>),
    /// The name is an alias (CNAME), beside which there can be no other record.
    #[error("{owner} is an alias (CNAME), beside which no TXT record can be; delete the alias")]
    #[non_exhaustive]
    Alias {
        /// The name.
        owner: String,
    },
    /// With the records that are there, the name would not fit into one answer, or does not fit
    /// already. Readers then get a part of the records, or none.
    #[error(
        "the records at {owner} do not fit into one answer of 64 KiB; spread the nodes over \
         several names, and refer to them by `dnsaddr=/dnsaddr/NAME`"
    )]
    #[non_exhaustive]
    Full {
        /// The name.
        owner: String,
    },
    /// Any other response code. `NOTIMP`: the server has no dynamic update. `SERVFAIL`: the server
    /// cannot write the zone, or has reached a limit of its own; Knot says this if a name is full.
    #[error("the name server failed ({code}){}", advice(*.code))]
    #[non_exhaustive]
    Server {
        /// The response code.
        code: ResponseCode,
    },
    /// There was no reply in time.
    #[error("the name server did not reply in time")]
    TimedOut,
    /// The request could not be sent, or the reply could not be read.
    #[error("there was no exchange with the name server")]
    Failed(#[source] Arc<dyn Error + Send + Sync>),
}

impl UpdateError {
    /// Wraps any error as [`UpdateError::Failed`].
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(Arc::from(error.into()))
    }
}

fn skew(server_ahead: Option<i64>) -> String {
    match server_ahead {
        Some(seconds @ 0..) => format!(", the server's is {seconds} s ahead"),
        Some(seconds) => format!(", the server's is {} s behind", seconds.unsigned_abs()),
        None => String::new(),
    }
}

fn advice(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::NotImp => ": it has no dynamic update",
        ResponseCode::NotZone => ": the name is not in the zone",
        ResponseCode::ServFail => {
            ": its log says why; it cannot write the zone, or has a bound on the records of a name \
             (BIND: `max-records-per-type`, 100 by default; Knot: what fits into one answer)"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_the_clocks_are_apart_is_said_where_it_is_known() {
        let said = |server_ahead| UpdateError::BadTime { server_ahead }.to_string();
        assert!(said(Some(400)).contains("(BADTIME, the server's is 400 s ahead)"));
        assert!(said(Some(-400)).contains("(BADTIME, the server's is 400 s behind)"));
        assert!(said(Some(i64::MIN)).contains("9223372036854775808 s behind"));
        assert!(said(None).contains("(BADTIME)"));
    }

    #[test]
    fn what_to_do_is_said_of_the_codes_that_tell() {
        let said = |code| UpdateError::Server { code }.to_string();
        assert!(said(ResponseCode::NotImp).ends_with("it has no dynamic update"));
        assert!(said(ResponseCode::NotZone).ends_with("the name is not in the zone"));
        assert!(said(ResponseCode::ServFail).contains("max-records-per-type"));
        assert!(said(ResponseCode::FormErr).ends_with(')'), "nothing can be advised");
    }

    #[test]
    fn an_update_that_says_nothing_changes_nothing() {
        let zone = Name::from_ascii("example.").unwrap();
        let update = Update::new(zone.clone(), zone);
        assert!(update.delete.is_empty() && update.add.is_empty());
        assert_eq!(update.ttl, 30);
    }
}
