//! Command lines.

use crate::{process::run, setup::SOURCE};

#[test]
fn bad_use_is_told_in_one_sentence() {
    let cases: &[(&str, &[&str], &str)] = &[
        ("whois", &[], "SOURCE"),
        ("whois", &["peers.test:4001"], "/dns/peers.test/tcp/4001"),
        ("whois", &["--dns", "resolver", SOURCE], "10.96.0.10:53"),
        ("whois", &["--timeout", "0", SOURCE], "above zero"),
        ("whois", &["--tiemout", "3", SOURCE], "--timeout"),
        ("node", &[], "--source"),
        ("node", &["--source", "srv:"], "--source"),
        ("node", &["--source", SOURCE, "--listen", "4001"], "--listen"),
        ("node", &["--source", SOURCE, "--select", "lowest:0"], "lowest:3"),
        ("node", &["--source", SOURCE, "--key", "/"], "key file"),
        ("node", &["--source", SOURCE, "--allow-peer", "me"], "--allow-peer"),
        ("node", &["--source", SOURCE, "--listen", "/memory/7"], "/ip4/0.0.0.0/tcp/4001"),
        ("node", &["--source", SOURCE, "--http", "8080"], "`127.0.0.1:8080`"),
        ("node", &["--source", SOURCE, "--http", "localhost:8080"], "`127.0.0.1:8080`"),
        ("node", &["--source", SOURCE, "--drain", "soon"], "`7.5`"),
        ("cluster", &["--nodes", "1"], "--nodes"),
        ("cluster", &["--records", "mx"], "srv"),
        ("cluster", &["--transport", "memory", "--records", "a"], "dnsaddr"),
        ("cluster", &["--transport", "quick"], "quic"),
        ("cluster", &["--nodes", "6", "--silent", "3", "--dead", "2"], "`--nodes 7`"),
        ("cluster", &["--dns-outage", "0"], "above zero"),
        ("cluster", &["--svg", "/nowhere/at/all.svg"], "`--svg /nowhere/at/all.svg`"),
        ("cluster", &["surplus"], "surplus"),
    ];
    for (name, args, told) in cases {
        let outcome = run(name, args);
        assert_eq!(outcome.code, Some(2), "{name} {args:?}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{name} {args:?}");
        outcome.assert_one_sentence(told);
    }
}

#[test]
fn help_is_complete() {
    for (name, flags) in [
        ("whois", &["--dns", "--timeout", "--allow-loopback", "--json"][..]),
        ("node", &["--source", "--listen", "--dns", "--key", "--select", "--identify"]),
        ("node", &["--allow-peer", "--members-only", "--publish", "--publish-key"]),
        ("node", &["--http", "no authentication", "--drain", "/readyz"]),
        ("cluster", &["--nodes", "--records", "--select", "--identify", "--transport", "--seed"]),
        ("cluster", &["--silent", "--dead", "--restart", "--dns-outage", "--svg"]),
    ] {
        let help = run(name, &["--help"]);
        assert_eq!(help.code, Some(0), "{help:?}");
        assert!(flags.iter().all(|flag| help.stdout.contains(flag)), "{help:?}");
        assert!(help.stdout.contains("Exit code"), "{help:?}");
    }
}
