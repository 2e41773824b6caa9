use super::*;

#[test]
fn an_answer_with_only_aliases_is_followed() {
    let replies = [
        ("x A", answer("z.", vec![cname("x.", "y."), cname("y.", "z.")])),
        ("z. A", answer("z.", vec![a("z.", 1)])),
    ];
    let (asked, outcome) = run_with("/dns4/x/tcp/1/wss", &Limits::default(), &replies);
    assert_eq!(asked, ["x A", "z. A"]);
    let resolution = outcome.unwrap();
    assert_eq!(texts(&resolution), ["/ip4/10.0.0.1/tcp/1/tls/sni/x/ws"]);
    assert_eq!(resolution.ttl, Some(Duration::from_secs(10)));
    assert!(resolution.complete);
}

#[test]
fn an_alias_of_nothing_is_nothing() {
    let replies = [("x A", answer("y.", vec![cname("x.", "y.")])), ("y. A", nx(7))];
    assert_eq!(nothing(run("/dns4/x/tcp/1", &replies)), (NothingKind::NxDomain, Some(7)));
}

#[test]
fn circles_end() {
    let within = [("x A", answer("x.", vec![cname("x.", "y."), cname("y.", "x.")]))];
    let across = [
        ("x A", answer("x.", vec![cname("x.", "y.")])),
        ("y. A", answer("y.", vec![cname("y.", "x.")])),
    ];
    for replies in [&within[..], &across] {
        let outcome = run("/dns4/x/tcp/1", replies);
        assert!(matches!(outcome, Err(LookupError::Failed(_))), "{outcome:?}");
    }
}

#[test]
fn chains_are_bounded() {
    let limits = limits(|l| l.recursion_depth = 1);
    let replies = [
        ("x A", answer("y.", vec![cname("x.", "y.")])),
        ("y. A", answer("z.", vec![cname("y.", "z.")])),
        ("z. A", answer("z.", vec![a("z.", 1)])),
    ];
    assert!(run("/dns4/x/tcp/1", &replies).is_ok());
    let (asked, outcome) = run_with("/dns4/x/tcp/1", &limits, &replies);
    assert_eq!(asked, ["x A", "y. A"]);
    assert!(matches!(outcome, Err(LookupError::Failed(_))));
}
