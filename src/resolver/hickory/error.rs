//! Why a resolver could not be made.

use std::error::Error;

/// Why a [`HickoryResolver`](super::HickoryResolver) could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No name servers were given.
    #[error("no name servers were given")]
    NoServers,
    /// The system's configuration cannot be read, or names no server. This error does not occur
    /// with a `resolv.conf`: without such a file, the server of this machine is asked.
    #[error("the system's DNS configuration cannot be used")]
    Unusable(#[source] Box<dyn Error + Send + Sync>),
}
