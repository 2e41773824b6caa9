//! Any text as a source.

use libp2p::Multiaddr;
use libp2p_dns_discovery::{
    Config, Source, SourceError,
    discovery::{Discovery, Output},
};

use super::{
    allowed,
    universe::{epoch, peer},
};

/// How much longer than the text its error may be: each message quotes at most twice what was
/// written, and explains the rest in a few lines.
const EXPLANATION: usize = 600;

/// Whatever is written is a source that prints and reads as itself, or an error that says where.
pub fn source(text: &str) {
    match text.parse::<Source>() {
        Ok(source) => {
            round_trips(text, &source);
            is_looked_up_or_dialled(&source);
        }
        Err(error) => explains(text, &error),
    }
    if let Ok(address) = text.parse::<Multiaddr>() {
        as_address(text, &address);
    }
}

fn round_trips(text: &str, source: &Source) {
    let printed = source.to_string();
    let again = printed.parse::<Source>();
    assert_eq!(again.as_ref(), Ok(source), "`{text}` is printed as `{printed}`");
    assert_eq!(again.expect("it is equal").to_string(), printed);
    // Every byte may have to be escaped, and `/wss` is spelled `/tls/ws`.
    assert!(printed.len() <= 3 * text.len() + 64, "`{text}` is printed as `{printed}`");
    let options = Source::clone(source).sampled().pinned().secure();
    assert_eq!(options.to_string().parse(), Ok(options));
}

fn explains(text: &str, error: &SourceError) {
    let said = error.to_string();
    assert!(!said.is_empty() && said.len() <= 3 * text.len() + EXPLANATION, "{said}");
    assert!(!said.contains(char::is_control), "{said:?}");
    let (at, quoted) = match error {
        SourceError::Component { at, component, .. }
        | SourceError::Port { at, component, .. }
        | SourceError::SecondName { at, component, .. }
        | SourceError::SecondPeer { at, component, .. }
        | SourceError::Peer { at, component, .. } => (*at, component.as_str()),
        SourceError::UnknownOption { at, option, .. } => (*at, option.as_str()),
        SourceError::Whitespace { at, .. }
        | SourceError::Name { at, .. }
        | SourceError::MissingTransport { at, .. }
        | SourceError::SrvTransport { at, .. } => (*at, ""),
        _ => (0, ""),
    };
    let rest = text.get(at..).unwrap_or_else(|| panic!("`{text}` has no byte {at}: {said}"));
    assert!(rest.starts_with(quoted), "`{quoted}` is not at byte {at} of `{text}`");
}

/// What is an address as well says the same by both ways.
fn as_address(text: &str, address: &Multiaddr) {
    let from_address = Source::try_from(address);
    if let (Ok(by_text), Ok(by_address)) = (text.parse::<Source>(), &from_address) {
        assert_eq!(&by_text, by_address, "`{text}`");
    }
    if let Ok(source) = from_address {
        round_trips(text, &source);
    }
}

/// The first step of a source: queries of its own name, or its own address.
fn is_looked_up_or_dialled(source: &Source) {
    let now = epoch();
    let mut core = Discovery::new(Config::new(), peer(0), 1, now);
    assert!(core.add_source(source.clone(), now));
    assert!(!core.add_source(source.clone(), now), "twice");
    assert_eq!(core.sources().collect::<Vec<_>>(), [source]);
    let (mut queries, mut dials) = (0, 0);
    while let Some(output) = core.poll_output(now) {
        match output {
            Output::Lookup { query, .. } => {
                queries += 1;
                assert!(!query.name.is_root(), "{query}");
            }
            Output::Dial { address, .. } => {
                dials += 1;
                assert_eq!(allowed::never(&address), None, "{address}");
            }
            _ => {}
        }
    }
    assert!(queries <= 2 && dials <= 1 && (queries == 0 || dials == 0));
    assert!(queries == 0 || core.poll_timeout().is_some_and(|at| at > now));
    assert!(core.remove_source(source) && !core.remove_source(source));
}
