//! The [`Resolver`] trait: one look-up, from a query to an answer.

use std::sync::Arc;

use futures::future::BoxFuture;
#[cfg(doc)]
use hickory_proto::rr::Name;

use super::{answer::Answer, error::LookupError, query::Query};

/// The future of one look-up.
pub type LookupFuture = BoxFuture<'static, Result<Answer, LookupError>>;

/// Answers DNS queries.
///
/// Object-safe, and implemented for `Arc<dyn Resolver>`, `Arc<R>` and `Box<dyn Resolver>`.
///
/// # Contract
///
/// - The swarm's task polls the returned future, so the future must not block.
/// - The discovery drops the future if its source is removed, or if the future has not completed within the
///   [time of a look-up](crate::Config::with_lookup_timeout). Dropping the future must cancel the look-up.
/// - If the name of a [`Query`] is not [absolute](Name::is_fqdn), the resolver completes it by its
///   search list. A resolver without a search list takes the name as absolute.
/// - If the look-up in a domain of the search list failed, the name may exist in that domain. The resolver must
///   then mark an answer from a later domain as [provisional](Answer::provisional).
/// - Only "there is no such name" and "no record of this type" are [`LookupError::Nothing`]. A resolver
///   that could not get an answer must return another variant, because the discovery concludes from
///   `Nothing` that members have left.
pub trait Resolver: Send + Sync + 'static {
    /// Starts one look-up.
    fn lookup(&self, query: Query) -> LookupFuture;
}

impl<R: Resolver + ?Sized> Resolver for Arc<R> {
    fn lookup(&self, query: Query) -> LookupFuture {
        (**self).lookup(query)
    }
}

impl<R: Resolver + ?Sized> Resolver for Box<R> {
    fn lookup(&self, query: Query) -> LookupFuture {
        (**self).lookup(query)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use hickory_proto::rr::{Name, RecordType};

    use super::*;

    /// Answers with the name asked for.
    struct Echo;

    impl Resolver for Echo {
        fn lookup(&self, query: Query) -> LookupFuture {
            async move { Ok(Answer::new(query.name, Vec::new())) }.boxed()
        }
    }

    #[test]
    fn a_shared_or_boxed_resolver_is_one() {
        fn name_of(resolver: impl Resolver) -> Name {
            let query = Query::new(Name::from_ascii("peers.test.").unwrap(), RecordType::A);
            resolver.lookup(query).now_or_never().unwrap().unwrap().name
        }
        let shared: Arc<dyn Resolver> = Arc::new(Echo);
        let boxed: Box<dyn Resolver> = Box::new(Echo);
        let name = name_of(Echo);
        assert_eq!([name_of(shared), name_of(boxed)], [name.clone(), name]);
    }
}
