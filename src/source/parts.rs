//! Walks through the components of a written multiaddr and remembers where they stand.

use libp2p_core::multiaddr::{self, Protocol};
use libp2p_identity::PeerId;

use super::{SourceError, cid};

/// The components that are left, as text.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    text: &'a str,
    next: usize,
    end: usize,
}

/// One component.
#[derive(Clone)]
pub(super) struct Component<'a> {
    pub(super) at: usize,
    pub(super) text: &'a str,
    pub(super) protocol: Protocol<'a>,
}

impl<'a> Parts<'a> {
    /// Splits the text from byte `at` at each `|`.
    pub(super) fn alternatives(text: &'a str, mut at: usize) -> (Self, impl Iterator<Item = Self>) {
        let mut pieces = text[at..].split('|').map(move |piece| {
            let parts = Self { text, next: at, end: at + piece.len() };
            at = parts.end + 1;
            parts
        });
        let first = pieces.next().unwrap_or(Self { text, next: text.len(), end: text.len() });
        (first, pieces)
    }

    /// Reads the next component, or `None` at the end. One `/` may stand at the end.
    pub(super) fn component(&mut self) -> Result<Option<Component<'a>>, SourceError> {
        if self.next > 0 && self.text() == "/" {
            self.next = self.end;
        }
        if self.text().is_empty() {
            return Ok(None);
        }
        if !self.text().starts_with('/') {
            return Err(self.reject("a transport starts with `/`, such as `/tcp/4001`"));
        }
        let at = self.next;
        let read = match self.cid() {
            Some(peer) => Ok(Protocol::P2p(peer)),
            None => Protocol::from_str_parts(&mut *self),
        };
        let text = &self.text[at..self.next];
        match read {
            Ok(protocol) => Ok(Some(Component { at, text, protocol })),
            Err(error) => Err(bad_component(at, text, error)),
        }
    }

    /// Reads a peer id that is written as a CID, if that comes next.
    fn cid(&mut self) -> Option<PeerId> {
        let mut ahead = *self;
        let is_peer = matches!(ahead.next(), Some("p2p" | "ipfs"));
        let peer = ahead.next().filter(|_| is_peer).and_then(cid::peer)?;
        *self = ahead;
        Some(peer)
    }

    pub(super) fn at(&self) -> usize {
        self.next
    }

    pub(super) fn text(&self) -> &'a str {
        &self.text[self.next..self.end]
    }

    pub(super) fn reject(&self, reason: impl Into<String>) -> SourceError {
        SourceError::Component {
            at: self.next,
            component: self.text().to_owned(),
            reason: reason.into(),
        }
    }
}

/// The texts between the slashes, as [`Protocol::from_str_parts`] wants them.
impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let segment = self.text().strip_prefix('/')?.split('/').next()?;
        self.next += 1 + segment.len();
        Some(segment)
    }
}

impl Component<'_> {
    pub(super) fn end(&self) -> usize {
        self.at + self.text.len()
    }

    pub(super) fn reject(&self, reason: impl Into<String>) -> SourceError {
        SourceError::Component {
            at: self.at,
            component: self.text.to_owned(),
            reason: reason.into(),
        }
    }

    pub(super) fn bad_port(&self) -> SourceError {
        SourceError::Port { at: self.at, component: self.text.to_owned() }
    }

    pub(super) fn second_name(&self) -> SourceError {
        SourceError::SecondName { at: self.at, component: self.text.to_owned() }
    }
}

fn bad_component(at: usize, text: &str, error: multiaddr::Error) -> SourceError {
    let mut segments = text.split('/').skip(1);
    let tag = segments.next().unwrap_or_default();
    let valued = segments.next().is_some_and(|value| !value.is_empty());
    let component = text.to_owned();
    match (tag, error) {
        ("tcp" | "udp" | "memory", _) => SourceError::Port { at, component },
        ("p2p" | "ipfs", error) => {
            let reason = if valued { error.to_string() } else { "it is missing".to_owned() };
            SourceError::Peer { at, component, reason }
        }
        ("", _) => {
            let reason = "it is empty: remove the doubled `/`".to_owned();
            SourceError::Component { at, component, reason }
        }
        (_, multiaddr::Error::UnknownProtocolString(_)) => {
            let reason = "there is no such protocol; `/tcp`, `/udp`, `/quic-v1`, `/ws`, `/tls` \
                          and the others of the multiaddr registry are known";
            SourceError::Component { at, component, reason: reason.to_owned() }
        }
        (tag, _) if !valued => {
            let reason = format!("its value is missing: `/{tag}/…`");
            SourceError::Component { at, component, reason }
        }
        (tag, error) => {
            let reason = match tag {
                "ip4" => "write an IPv4 address, such as `/ip4/10.0.0.7`".to_owned(),
                "ip6" => "write an IPv6 address, such as `/ip6/fd00::7`".to_owned(),
                _ => error.to_string(),
            };
            SourceError::Component { at, component, reason }
        }
    }
}
