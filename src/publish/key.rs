//! The key that signs updates.

use std::{fmt, str::FromStr};

use data_encoding::BASE64;
use hickory_proto::rr::{Name, TSigner, rdata::tsig::TsigAlgorithm};

use crate::record;

/// How far the clocks of this machine and of the name server may be apart, in seconds: what
/// RFC 8945 section 10 recommends.
const FUDGE: u16 = 300;

/// A key that this node shares with the name server, by which it signs what it sends ([RFC 8945]).
///
/// It is read from the form that `nsupdate -y` takes, `[hmac:]keyname:secret`, with the secret in
/// Base64. Its `Debug` does not show the secret.
///
/// ```
/// use libp2p_dns_discovery::publish::TsigKey;
///
/// let key: TsigKey = "hmac-sha256:peers.example:c2VjcmV0IG9mIHRoaXMgZXhhbXBsZQ==".parse()?;
/// assert!(!format!("{key:?}").contains("c2Vj"));
/// # Ok::<(), libp2p_dns_discovery::publish::KeyError>(())
/// ```
///
/// [RFC 8945]: https://www.rfc-editor.org/rfc/rfc8945
#[derive(Clone, PartialEq, Eq)]
pub struct TsigKey {
    name: Name,
    algorithm: Algorithm,
    secret: Vec<u8>,
}

/// How a [`TsigKey`] signs: those of [RFC 8945 section 6] that are not deprecated.
///
/// [RFC 8945 section 6]: https://www.rfc-editor.org/rfc/rfc8945#section-6
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Algorithm {
    /// `hmac-sha256`, which every server must implement.
    #[default]
    HmacSha256,
    /// `hmac-sha384`.
    HmacSha384,
    /// `hmac-sha512`.
    HmacSha512,
}

/// Why a text is not a [`TsigKey`]. No message repeats any part of the text: which part is the
/// secret cannot be told from one that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It has not two or three parts.
    #[error("a key is written `[hmac:]keyname:secret`, as for `nsupdate -y`")]
    Form,
    /// Its algorithm is none of [`Algorithm`].
    #[error("the key's algorithm is not hmac-sha256, hmac-sha384 or hmac-sha512")]
    Algorithm,
    /// Its name is not a domain name.
    #[error("the key's name is not a domain name")]
    Name,
    /// Its secret is not Base64.
    #[error("the key's secret is not Base64, with its `=` at the end")]
    Base64(#[source] data_encoding::DecodeError),
    /// Its secret is empty.
    #[error("the key's secret is empty")]
    Empty,
}

impl TsigKey {
    /// Makes a key of its parts. The name is the one that the server knows the key by; upper and
    /// lower case are the same.
    ///
    /// # Errors
    ///
    /// [`KeyError::Empty`] for an empty secret.
    pub fn new(
        name: Name,
        algorithm: Algorithm,
        secret: impl Into<Vec<u8>>,
    ) -> Result<Self, KeyError> {
        let secret = secret.into();
        if secret.is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self { name: record::absolute(&name), algorithm, secret })
    }

    /// The key's name, absolute.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// How the key signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What signs by this key.
    pub(super) fn signer(&self) -> TSigner {
        let algorithm = match self.algorithm {
            Algorithm::HmacSha256 => TsigAlgorithm::HmacSha256,
            Algorithm::HmacSha384 => TsigAlgorithm::HmacSha384,
            Algorithm::HmacSha512 => TsigAlgorithm::HmacSha512,
        };
        TSigner::new(self.secret.clone(), algorithm, self.name.clone(), FUDGE)
            .expect("these three algorithms are supported")
    }
}

impl FromStr for TsigKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.trim().split(':').collect();
        let (algorithm, name, secret) = match parts[..] {
            [name, secret] => (Algorithm::default(), name, secret),
            [algorithm, name, secret] => (algorithm.parse()?, name, secret),
            _ => return Err(KeyError::Form),
        };
        if name.is_empty() {
            return Err(KeyError::Name);
        }
        let name = Name::from_ascii(name).map_err(|_| KeyError::Name)?;
        Self::new(name, algorithm, BASE64.decode(secret.as_bytes()).map_err(KeyError::Base64)?)
    }
}

impl FromStr for Algorithm {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "hmac-sha256" => Ok(Self::HmacSha256),
            "hmac-sha384" => Ok(Self::HmacSha384),
            "hmac-sha512" => Ok(Self::HmacSha512),
            _ => Err(KeyError::Algorithm),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        })
    }
}

impl fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TsigKey")
            .field("name", &self.name)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "a secret of this test"
    const SECRET: &str = "YSBzZWNyZXQgb2YgdGhpcyB0ZXN0";

    #[test]
    fn the_form_of_nsupdate_is_read() {
        let key: TsigKey = format!("Key.Example:{SECRET}\n").parse().unwrap();
        assert_eq!(key.algorithm(), Algorithm::HmacSha256);
        assert_eq!(key.name().to_ascii(), "key.example.");
        assert_eq!(key.signer().key(), b"a secret of this test");
        for algorithm in [Algorithm::HmacSha256, Algorithm::HmacSha384, Algorithm::HmacSha512] {
            let key: TsigKey = format!("{algorithm}:k:{SECRET}").parse().unwrap();
            assert_eq!(key.algorithm(), algorithm);
            assert_eq!(key.signer().algorithm().to_string(), algorithm.to_string());
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        let read = |text: &str| text.parse::<TsigKey>().unwrap_err();
        for (error, wrong) in [
            (read(SECRET), KeyError::Form),
            (read(&format!("a:b:c:{SECRET}")), KeyError::Form),
            (read(&format!("hmac-md5:k:{SECRET}")), KeyError::Algorithm),
            (read(&format!("{SECRET}:k:hmac-sha256")), KeyError::Algorithm),
            (read(&format!("k..k:{SECRET}")), KeyError::Name),
            (read(&format!(":{SECRET}")), KeyError::Name),
            (read("k:"), KeyError::Empty),
        ] {
            assert_eq!(error, wrong);
            assert!(!error.to_string().contains(SECRET));
        }
        let error = read(&format!("k:{SECRET}="));
        assert!(matches!(error, KeyError::Base64(_)), "{error:?}");
    }

    #[test]
    fn the_secret_is_not_shown() {
        let key: TsigKey = format!("k:{SECRET}").parse().unwrap();
        let shown = format!("{key:?} {key:#?}");
        assert!(shown.contains("HmacSha256"), "{shown}");
        assert!(!shown.contains(SECRET) && !shown.contains("97, 32"), "{shown}");
    }
}
