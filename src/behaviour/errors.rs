//! What the errors of the swarm mean to the core.

use std::{error::Error, io};

use libp2p_core::{Multiaddr, transport::TransportError};
use libp2p_swarm::{ConnectionError, DialError};

use crate::{discovery::DialFailure, event::Failure};

/// `EAFNOSUPPORT`: the system has no sockets for this family of addresses.
const NO_SUCH_FAMILY: i32 = match () {
    _ if cfg!(windows) => 10_047,
    _ if cfg!(any(target_os = "linux", target_os = "android")) => 97,
    _ => 47,
};

/// What a failed dial means to the core.
pub(super) fn outcome(error: &DialError) -> DialFailure {
    match error {
        // The swarm compares the expected id before the local one. So a dial that expects a peer and meets
        // ourselves ends here, and only a dial without an expected id in the next arm.
        DialError::WrongPeerId { obtained, address: _ } => DialFailure::Identity(*obtained),
        DialError::LocalPeerId { address: _ } => DialFailure::Itself,
        // Each of our dials has one address. The swarm removes it if we listen on that address.
        DialError::NoAddresses => DialFailure::OwnAddress,
        DialError::DialPeerConditionFalse(_) => DialFailure::Busy,
        DialError::Aborted => DialFailure::Failed(Failure::Aborted),
        DialError::Denied { cause } => DialFailure::Denied(chain(cause).into()),
        DialError::Transport(errors) => DialFailure::Failed(transport_failure(errors)),
    }
}

fn transport_failure(errors: &[(Multiaddr, TransportError<io::Error>)]) -> Failure {
    match errors.first() {
        None => Failure::Transport("no address was dialled".into()),
        Some((_, TransportError::MultiaddrNotSupported(_))) => Failure::Unsupported,
        Some((_, TransportError::Other(error))) => io_failure(error),
    }
}

fn io_failure(error: &io::Error) -> Failure {
    let text = chain(error).into();
    match io_kind(error) {
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
            Failure::NoRoute(text)
        }
        io::ErrorKind::TimedOut => Failure::TimedOut,
        io::ErrorKind::ConnectionRefused => Failure::Closed(text),
        _ => Failure::Transport(text),
    }
}

/// The kind of the innermost I/O error: transports wrap it several times.
fn io_kind(error: &io::Error) -> io::ErrorKind {
    let mut kind = os_kind(error);
    let mut inner: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(error) = inner {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            kind = os_kind(io);
            inner = io.get_ref().map(|inner| inner as _);
        } else {
            kind = kind_in_words(&error.to_string()).unwrap_or(kind);
            inner = error.source();
        }
    }
    kind
}

/// The kind of an error whose type is not known, from its whole text. A swarm with several transports wraps
/// its errors in `Either`, which passes on the text of the error inside and hides the type. The errors of
/// QUIC are of a crate that this one does not depend on. No remote can imitate these texts: an error never
/// consists of a remote's words alone.
fn kind_in_words(text: &str) -> Option<io::ErrorKind> {
    match text {
        // quinn, libp2p-quic, and the time-out that libp2p puts around every transport.
        "timed out" | "Handshake with the remote timed out." | "Timeout has been reached" => {
            Some(io::ErrorKind::TimedOut)
        }
        "reset by peer" => Some(io::ErrorKind::ConnectionReset),
        _ => os_error(text).as_ref().map(os_kind),
    }
}

/// The error of the operating system that has just this text. The standard library ends the text of each
/// such error with its code, on every system and in every language.
fn os_error(text: &str) -> Option<io::Error> {
    let (_, code) = text.strip_suffix(')')?.rsplit_once(" (os error ")?;
    let error = io::Error::from_raw_os_error(code.parse().ok()?);
    (error.to_string() == text).then_some(error)
}

/// The kind of an error, without those that it wraps. On a system without IPv6, the error of an IPv6 socket
/// has no kind in the standard library: it counts as an unreachable network.
fn os_kind(error: &io::Error) -> io::ErrorKind {
    match error.raw_os_error() {
        Some(NO_SUCH_FAMILY) => io::ErrorKind::NetworkUnreachable,
        _ => error.kind(),
    }
}

/// The message of an error and of its causes, without a cause whose message the text has already.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let message = inner.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        source = inner.source();
    }
    text
}

/// Whether a connection broke, as far as its error tells. A remote that closes an idle connection ends it in
/// an orderly way. If the remote's process was killed, its kernel ends the connection in the same way: only
/// the next verification finds out that the peer is lost.
pub(super) fn is_loss(cause: &ConnectionError) -> bool {
    match cause {
        ConnectionError::KeepAliveTimeout => false,
        ConnectionError::IO(error) => matches!(
            io_kind(error),
            io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::TimedOut
                | io::ErrorKind::UnexpectedEof
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use libp2p_identity::PeerId;
    use libp2p_swarm::{ConnectionDenied, dial_opts::PeerCondition};

    use super::*;

    /// What a transport says of what it has met.
    #[derive(Debug, thiserror::Error)]
    #[error("handshake failed")]
    struct Handshake(#[source] io::Error);

    fn address() -> Multiaddr {
        "/ip4/10.0.0.7/tcp/4001".parse().unwrap()
    }

    fn wrapped(kind: ErrorKind) -> io::Error {
        io::Error::other(Handshake(io::Error::other(io::Error::new(kind, "no luck"))))
    }

    /// Why a dial failed whose addresses met these errors.
    fn failure(errors: impl IntoIterator<Item = TransportError<io::Error>>) -> Failure {
        let errors = errors.into_iter().map(|error| (address(), error)).collect();
        match outcome(&DialError::Transport(errors)) {
            DialFailure::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_identity_that_answers_is_told() {
        let peer = PeerId::random();
        let error = DialError::WrongPeerId { obtained: peer, address: address() };
        assert!(matches!(outcome(&error), DialFailure::Identity(obtained) if obtained == peer));
    }

    #[test]
    fn an_address_of_ours_is_told() {
        assert!(matches!(outcome(&DialError::NoAddresses), DialFailure::OwnAddress));
    }

    #[test]
    fn our_identity_is_told_where_nobody_was_expected() {
        let error = DialError::LocalPeerId { address: address() };
        assert!(matches!(outcome(&error), DialFailure::Itself));
    }

    #[test]
    fn a_dial_that_was_not_begun_says_nothing_of_the_address() {
        for condition in [PeerCondition::Disconnected, PeerCondition::NotDialing] {
            let error = DialError::DialPeerConditionFalse(condition);
            assert!(matches!(outcome(&error), DialFailure::Busy), "{error}");
        }
        let cause = ConnectionDenied::new("too many");
        let DialFailure::Denied(why) = outcome(&DialError::Denied { cause }) else { panic!() };
        assert_eq!(&*why, "connection denied: too many");
    }

    #[test]
    fn an_aborted_dial_has_failed() {
        let outcome = outcome(&DialError::Aborted);
        assert!(matches!(outcome, DialFailure::Failed(Failure::Aborted)), "{outcome:?}");
    }

    #[test]
    fn the_first_address_says_why_a_transport_failed() {
        assert_eq!(failure([]), Failure::Transport("no address was dialled".into()));
        let unsupported = || TransportError::MultiaddrNotSupported(address());
        let refused = || TransportError::Other(ErrorKind::ConnectionRefused.into());
        assert_eq!(failure([unsupported(), refused()]), Failure::Unsupported);
        let text = io::Error::from(ErrorKind::ConnectionRefused).to_string();
        assert_eq!(failure([refused(), unsupported()]), Failure::Closed(text.into()));
    }

    #[test]
    fn the_innermost_error_says_what_happened() {
        let told = "handshake failed: no luck";
        for (kind, expected) in [
            (ErrorKind::NetworkUnreachable, Failure::NoRoute(told.into())),
            (ErrorKind::AddrNotAvailable, Failure::NoRoute(told.into())),
            (ErrorKind::TimedOut, Failure::TimedOut),
            (ErrorKind::HostUnreachable, Failure::Transport(told.into())),
            (ErrorKind::ConnectionRefused, Failure::Closed(told.into())),
        ] {
            assert_eq!(io_kind(&wrapped(kind)), kind);
            assert_eq!(failure([TransportError::Other(wrapped(kind))]), expected);
        }
        // What is in it is no I/O error.
        assert_eq!(io_kind(&io::Error::new(ErrorKind::TimedOut, "no luck")), ErrorKind::TimedOut);
    }

    /// What a swarm of several transports reports: an error that says all and whose type says nothing.
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Hidden(String);

    fn hidden(text: impl ToString) -> io::Error {
        io::Error::other(Hidden(text.to_string()))
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_error_of_the_system_is_known_by_what_it_says_where_its_type_is_hidden() {
        const CODES: [(i32, ErrorKind); 5] = [
            (101, ErrorKind::NetworkUnreachable),
            (99, ErrorKind::AddrNotAvailable),
            (97, ErrorKind::NetworkUnreachable),
            (111, ErrorKind::ConnectionRefused),
            (110, ErrorKind::TimedOut),
        ];
        for (code, kind) in CODES {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(io_kind(&hidden(&error)), kind, "{error}");
            assert_eq!(io_kind(&error), kind, "{error}");
            // A remote may say the same, but it is not all that the error says then.
            assert_eq!(io_kind(&hidden(format!("closed by peer: {error}"))), ErrorKind::Other);
        }
        for text in ["(os error 101)", "no luck (os error 101)", " (os error )", " (os error 99"] {
            assert_eq!(io_kind(&hidden(text)), ErrorKind::Other, "{text}");
        }
    }

    #[test]
    fn only_what_broke_is_a_loss() {
        for kind in [
            ErrorKind::BrokenPipe,
            ErrorKind::ConnectionAborted,
            ErrorKind::ConnectionReset,
            ErrorKind::TimedOut,
            ErrorKind::UnexpectedEof,
        ] {
            assert!(is_loss(&ConnectionError::IO(kind.into())), "{kind}");
            assert!(is_loss(&ConnectionError::IO(wrapped(kind))), "{kind}");
        }
        for kind in [ErrorKind::Other, ErrorKind::InvalidData, ErrorKind::ConnectionRefused] {
            assert!(!is_loss(&ConnectionError::IO(wrapped(kind))), "{kind}");
        }
        // As QUIC says it.
        for (text, lost) in [
            ("timed out", true),
            ("reset by peer", true),
            ("closed by peer: 0", false),
            ("closed by peer: timed out", false),
        ] {
            assert_eq!(is_loss(&ConnectionError::IO(hidden(text))), lost, "{text}");
        }
        assert!(!is_loss(&ConnectionError::KeepAliveTimeout));
    }
}
