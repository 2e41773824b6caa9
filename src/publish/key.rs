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
/// A key is parsed from one of two forms. The first is what `nsupdate -y` takes: `[hmac:]keyname:secret`,
/// with the secret in Base64. The second is what BIND's `tsig-keygen` and Knot's `keymgr -t` print, and what
/// stands in the configurations of these servers. `Debug` of a key does not show the secret.
///
/// ```
/// use libp2p_dns_discovery::publish::TsigKey;
///
/// let key: TsigKey = "hmac-sha256:peers.example:c2VjcmV0IG9mIHRoaXMgZXhhbXBsZQ==".parse()?;
/// assert!(!format!("{key:?}").contains("c2Vj"));
///
/// let of_tsig_keygen = r#"
/// key "peers.example" {
///     algorithm hmac-sha256;
///     secret "c2VjcmV0IG9mIHRoaXMgZXhhbXBsZQ==";
/// };
/// "#;
/// assert_eq!(of_tsig_keygen.parse(), Ok(key));
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

/// How a [`TsigKey`] signs: the algorithms of [RFC 8945 section 6] that are not deprecated.
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

/// Why a text is not a [`TsigKey`]. No message repeats any part of the text: in a wrong text, any part may be
/// the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text has none of the forms, or has more than one key.
    #[error(
        "a key is written `[hmac:]keyname:secret`, as for `nsupdate -y`, or as `tsig-keygen` (BIND) \
         or `keymgr -t` (Knot) print it; one key, and nothing else"
    )]
    Form,
    /// The key's algorithm is none of [`Algorithm`].
    #[error("the key's algorithm is not hmac-sha256, hmac-sha384 or hmac-sha512")]
    Algorithm,
    /// The key's name is not a domain name.
    #[error("the key's name is not a domain name")]
    Name,
    /// The key's secret is not Base64.
    #[error("the key's secret is not Base64, with its `=` at the end")]
    Base64(#[source] data_encoding::DecodeError),
    /// The key's secret is empty.
    #[error("the key's secret is empty")]
    Empty,
}

impl TsigKey {
    /// Makes a key from its parts. `name` is the name by which the server knows the key. Upper and
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

    /// The signer of hickory that signs with this key.
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
        let words = words(text);
        let mut lines = lines(text);
        let parts: Vec<&str> = match (lines.next(), lines.next()) {
            (Some(line), None) => line.split(':').collect(),
            _ => Vec::new(),
        };
        let (algorithm, name, secret) = match (&words[..], &parts[..]) {
            (["key", name, rest @ ..], _) if rest.len() == 4 => {
                (field("algorithm", rest)?.parse()?, *name, field("secret", rest)?)
            }
            (["key", rest @ ..], _) if rest.len() == 6 => {
                (field("algorithm", rest)?.parse()?, field("id", rest)?, field("secret", rest)?)
            }
            (_, [name, secret]) => (Algorithm::default(), *name, *secret),
            (_, [algorithm, name, secret]) => (algorithm.parse()?, *name, *secret),
            _ => return Err(KeyError::Form),
        };
        if name.is_empty() {
            return Err(KeyError::Name);
        }
        let name = Name::from_ascii(name).map_err(|_| KeyError::Name)?;
        Self::new(name, algorithm, BASE64.decode(secret.as_bytes()).map_err(KeyError::Base64)?)
    }
}

/// The words of a server's configuration, without its comments and punctuation.
///
/// BIND writes `key "NAME" { algorithm ALGORITHM; secret "SECRET"; };`, and Knot, in YAML,
/// `key:`, then `- id: NAME`, `algorithm: ALGORITHM` and `secret: SECRET`.
fn words(text: &str) -> Vec<&str> {
    let is_mark = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | ';' | ':' | '"' | '\'');
    let words = lines(text).flat_map(|line| line.split(is_mark));
    words.filter(|word| !word.is_empty() && *word != "-").collect()
}

/// The lines that are neither empty nor comments.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let is_comment = |line: &str| line.starts_with('#') || line.starts_with("//");
    text.lines().map(str::trim).filter(move |line| !line.is_empty() && !is_comment(line))
}

/// The value behind its name.
fn field<'a>(name: &str, words: &[&'a str]) -> Result<&'a str, KeyError> {
    let mut pairs = words.chunks_exact(2);
    pairs.find_map(|pair| (pair[0] == name).then_some(pair[1])).ok_or(KeyError::Form)
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
        let with_comment = format!("# for ns1\n\nhmac-sha256:k:{SECRET}\n");
        assert!(with_comment.parse::<TsigKey>().is_ok());
        for algorithm in [Algorithm::HmacSha256, Algorithm::HmacSha384, Algorithm::HmacSha512] {
            let key: TsigKey = format!("{algorithm}:k:{SECRET}").parse().unwrap();
            assert_eq!(key.algorithm(), algorithm);
            assert_eq!(key.signer().algorithm().to_string(), algorithm.to_string());
        }
    }

    /// As `tsig-keygen` of BIND 9.18 prints it.
    const OF_BIND: &str =
        "key \"Key.Example\" {\n\talgorithm hmac-sha512;\n\tsecret \"SECRET\";\n};\n";
    /// As `keymgr -t` of Knot 3.2 prints it.
    const OF_KNOT: &str = "# hmac-sha512:key.example.:SECRET\nkey:\n  - id: key.example.\n    \
                           algorithm: hmac-sha512\n    secret: SECRET\n";

    /// Fails on the code that reads the form of `nsupdate` alone.
    #[test]
    fn what_the_tools_of_name_servers_print_is_read() {
        let expected = format!("hmac-sha512:key.example:{SECRET}").parse::<TsigKey>();
        for text in [
            OF_BIND,
            OF_KNOT,
            "// of ns1\nkey key.example. { secret SECRET; algorithm hmac-sha512; };",
            "key: [ ]\n# more\n  - secret: \"SECRET\"\n    id: 'key.example'\n    algorithm: hmac-sha512",
        ] {
            let text = text.replace("[ ]", "").replace("SECRET", SECRET);
            assert_eq!(text.parse(), expected, "{text}");
        }
        // A key may have any name.
        assert!(format!("key:{SECRET}").parse::<TsigKey>().is_ok());
        let two = format!("{OF_BIND}{OF_BIND}").replace("SECRET", SECRET);
        assert_eq!(two.parse::<TsigKey>(), Err(KeyError::Form));
        let md5 = OF_BIND.replace("sha512", "md5").replace("SECRET", SECRET);
        assert_eq!(md5.parse::<TsigKey>(), Err(KeyError::Algorithm));
        let without = OF_BIND.replace("secret", "secrets").replace("SECRET", SECRET);
        assert_eq!(without.parse::<TsigKey>(), Err(KeyError::Form));
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
