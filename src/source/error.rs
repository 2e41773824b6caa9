//! What can be wrong with the text of a source.

/// Why a text is not a [`Source`](super::Source).
///
/// Every message names the part that is wrong, its position in the text (`at`, a byte offset from
/// 0), and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Nothing was written.
    #[error("the source is empty; write where to look, such as `/dns/peers.example/tcp/4001`")]
    Empty,

    /// A space, a line break or another control character, anywhere.
    #[error(
        "whitespace or a control character at byte {at}; a source contains none, such as `/dns/peers.example/tcp/4001`"
    )]
    #[non_exhaustive]
    Whitespace {
        /// Where.
        at: usize,
    },

    /// A URL.
    #[error(
        "`{scheme}://` at byte 0 makes this a URL; write a multiaddr, \
         such as `/dns/peers.example/tcp/443/tls/ws`"
    )]
    #[non_exhaustive]
    Url {
        /// The URL's scheme.
        scheme: String,
    },

    /// A host and a port, which do not say which transport is meant.
    #[error("`{given}` at byte 0 names a host and a port but no transport; write `{suggestion}`")]
    #[non_exhaustive]
    HostPort {
        /// What was written.
        given: String,
        /// What was probably meant.
        suggestion: String,
    },

    /// A host without anything else.
    #[error("`{given}` at byte 0 is a bare host; write `{suggestion}`, with your port")]
    #[non_exhaustive]
    BareHost {
        /// What was written.
        given: String,
        /// What was probably meant.
        suggestion: String,
    },

    /// Neither a multiaddr nor `srv:`.
    #[error(
        "unknown scheme `{scheme}:` at byte 0; a source starts with `/` or `srv:`, \
         such as `srv:_p2p._tcp.peers.example`"
    )]
    #[non_exhaustive]
    UnknownScheme {
        /// The scheme, without its colon.
        scheme: String,
    },

    /// A component that is not a multiaddr component, or stands where it cannot.
    #[error("bad component `{component}` at byte {at}: {reason}")]
    #[non_exhaustive]
    Component {
        /// Where the component starts.
        at: usize,
        /// The component as written.
        component: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },

    /// A name that cannot be a DNS name.
    #[error("bad name `{name}` at byte {at}: {reason}")]
    #[non_exhaustive]
    Name {
        /// Where the name starts.
        at: usize,
        /// The name as written.
        name: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },

    /// Nothing says how to connect.
    #[error("no transport after `{after}` at byte {at}; write `{suggestion}`, with your port")]
    #[non_exhaustive]
    MissingTransport {
        /// Where the transport was expected.
        at: usize,
        /// What stands before.
        after: String,
        /// What was probably meant.
        suggestion: String,
    },

    /// An SRV owner that implies no transport, and none written.
    #[error(
        "no transport at byte {at}, and `srv:{owner}` has no label `_tcp` or `_udp` that would \
         imply one; write `srv:{owner}/tcp/0` or `srv:{owner}/udp/0/quic-v1`, \
         where 0 stands for the record's port"
    )]
    #[non_exhaustive]
    SrvTransport {
        /// Where the transport was expected.
        at: usize,
        /// The owner name.
        owner: String,
    },

    /// A port that is not a number from 1 to 65535.
    #[error("bad port in `{component}` at byte {at}: write a number from 1 to 65535")]
    #[non_exhaustive]
    Port {
        /// Where the component starts.
        at: usize,
        /// The component as written.
        component: String,
    },

    /// A second DNS component. Only the first component is looked up.
    #[error(
        "second DNS component `{component}` at byte {at}; a source looks one name up, in its \
         first component, such as `/dns/peers.example/tcp/4001`: write a source for each name"
    )]
    #[non_exhaustive]
    SecondName {
        /// Where the component starts.
        at: usize,
        /// The component as written.
        component: String,
    },

    /// A peer id that cannot be read.
    #[error(
        "bad peer id in `{component}` at byte {at} ({reason}); write it in base58, \
         such as `/p2p/12D3KooW…` or `/p2p/Qm…`"
    )]
    #[non_exhaustive]
    Peer {
        /// Where the component starts.
        at: usize,
        /// The component as written.
        component: String,
        /// What is wrong with it.
        reason: String,
    },

    /// Two different peer ids for one host.
    #[error(
        "second peer id in `{component}` at byte {at}; one host has one identity: \
         write `/p2p/ID` once, at the end"
    )]
    #[non_exhaustive]
    SecondPeer {
        /// Where the transport that carries it starts.
        at: usize,
        /// The transport as written.
        component: String,
    },

    /// An option that is not known.
    #[error(
        "unknown option `{option}` at byte {at}; known are `pinned`, `sampled` and `secure`, \
         written `?sampled`, or `?pinned&secure`"
    )]
    #[non_exhaustive]
    UnknownOption {
        /// Where the option starts.
        at: usize,
        /// The option as written.
        option: String,
    },
}

impl SourceError {
    /// Adds the options that were written, `?` included, to what is suggested.
    pub(super) fn with_options(mut self, options: &str) -> Self {
        if let Self::HostPort { suggestion, .. }
        | Self::BareHost { suggestion, .. }
        | Self::MissingTransport { suggestion, .. } = &mut self
        {
            suggestion.push_str(options);
        }
        self
    }
}
