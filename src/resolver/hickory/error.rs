//! Why a resolver could not be made.

use std::error::Error;

/// Why a [`HickoryResolver`](super::HickoryResolver) could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No name servers were given.
    #[error("no name servers were given")]
    NoServers,
    /// The system's configuration cannot be read, or names no server. This error occurs only on systems that
    /// have no `resolv.conf`, such as Windows. On others, a `resolv.conf` that is missing, or that names no
    /// server, means a name server on this machine.
    #[error("the system's DNS configuration cannot be used")]
    Unusable(#[source] Box<dyn Error + Send + Sync>),
}
