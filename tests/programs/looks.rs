//! How the page of a node looks, and works, in a real browser.

use std::net::Ipv4Addr;

use serde_json::json;

use crate::{
    browser::Browser,
    http::Site,
    setup::{Dns, Node, closed_port},
};

/// Whether nothing is wider than the window.
const FITS: &str = "document.documentElement.scrollWidth <= window.innerWidth";

/// The least contrast between a text and what is behind it (WCAG 2.2, relative luminance).
const CONTRAST: &str = r#"(() => {
    const parse = (color) => color.match(/[\d.]+/g).map(Number);
    const light = (color) => {
        const [r, g, b] = parse(color).map((part) => part / 255)
            .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        const color = getComputedStyle(element).backgroundColor;
        return parse(color)[3] === 0 ? behind(element.parentElement) : color;
    };
    const contrasts = [...document.querySelectorAll("body *:not(script, svg, svg *)")]
        .filter((element) => element.checkVisibility())
        .map((element) => [light(getComputedStyle(element).color), light(behind(element))])
        .map(([one, other]) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05));
    return Math.min(...contrasts);
})()"#;

fn assert_contrast(browser: &mut Browser) {
    let least = browser.eval(CONTRAST).as_f64().expect("a number");
    assert!(least >= 4.5, "{least}");
}

/// Names nodes, and as many others as are left of a number, at which nobody is.
fn name(dns: &Dns, nodes: &[&Node], of: usize) {
    let dead = (nodes.len()..of).map(|_| closed_port());
    dns.name(nodes.iter().map(|node| node.port).chain(dead));
}

#[test]
fn the_page_is_whole_without_scripts_and_follows_changes_with_them() {
    let Some(mut browser) = Browser::start() else { return };
    let dns = Dns::start();
    let mut site = Site::start(&dns, &[]);
    let nodes: Vec<_> = (0..3).map(|_| Node::start(&dns, &[])).collect();
    dns.zone.set_ttl(5);
    name(&dns, &nodes.iter().chain([&site.node]).collect::<Vec<_>>(), 5);
    site.node.process.wait_for(|line| line["status"] == "joined");
    site.node.process.wait_for(|line| line["event"] == "unreachable");
    let first = nodes[0].peer.as_str();
    site.node.process.wait_for(|line| line["event"] == "verified" && line["peer"] == first);
    let url = format!("http://{}/", site.address);

    browser.look(1440, 1150, false);
    browser.scripts(false);
    browser.open(&url);
    let shown = browser.eval("document.body.innerText");
    let shown = shown.as_str().expect("a text");
    for text in ["Joined", "ready", "Verified peers", "unreachable", "Recent events", "Reload"] {
        assert!(shown.to_lowercase().contains(&text.to_lowercase()), "no `{text}` in {shown}");
    }
    assert!(shown.contains(&nodes[0].peer), "{shown}");
    assert_eq!(browser.eval("document.querySelectorAll('.named tbody tr').length"), 5);
    browser.picture("no-scripts");

    browser.scripts(true);
    browser.open(&url);
    browser.until("document.body.dataset.live === 'yes'");
    browser.eval("window.same = true");
    assert_contrast(&mut browser);
    browser.picture("5-candidates");

    let late = Node::start(&dns, &[]);
    name(&dns, &nodes.iter().chain([&site.node, &late]).collect::<Vec<_>>(), 5);
    let here = format!(
        "[...document.querySelectorAll('.named tbody tr')].some((row) => \
         row.textContent.includes('/tcp/{}'))",
        late.port
    );
    browser.until(&here);
    browser.until("document.querySelectorAll('.named tbody tr').length === 5");
    assert_eq!(browser.eval("window.same"), true, "without loading the page anew");
    assert_eq!(browser.errors(), Vec::<serde_json::Value>::new());

    browser.look(1440, 1150, true);
    assert_contrast(&mut browser);
    browser.picture("dark");
    browser.look(360, 740, false);
    assert_eq!(browser.eval(FITS), true);
    browser.picture("360-wide");
}

#[test]
fn the_page_can_be_used_by_keyboard() {
    let Some(mut browser) = Browser::start() else { return };
    let dns = Dns::start();
    name(&dns, &[], 3);
    let mut site = Site::start(&dns, &[]);
    site.node.process.wait_for(|line| line["event"] == "resolved");
    browser.look(1280, 900, false);
    browser.open(&format!("http://{}/", site.address));
    browser.until("document.body.dataset.live === 'yes'");
    let mut order = Vec::new();
    for _ in 0..9 {
        browser.press("Tab");
        order
            .push(browser.eval(
                "(document.activeElement.id || document.activeElement.getAttribute('href'))",
            ));
    }
    let parts = ["#main", "#sources", "#verified", "#candidates", "#events", "/peers", "/metrics"];
    let wanted = parts.into_iter().chain(["filter", "filter-state"]);
    assert_eq!(order, wanted.map(|part| json!(part)).collect::<Vec<_>>());
    let outline = "getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(browser.eval(outline), "solid", "what has the focus is marked");
    assert_eq!(browser.eval("document.querySelectorAll('[aria-live], [role=status]').length"), 1);
    let unnamed = "[...document.querySelectorAll('table')].filter((t) => !t.caption).length";
    assert_eq!(browser.eval(unnamed), 0);
    let unscoped = "document.querySelectorAll('th:not([scope])').length";
    assert_eq!(browser.eval(unscoped), 0);

    browser.eval("filter.value = 'nowhere'; filter.dispatchEvent(new Event('input'))");
    browser.until("document.getElementById('shown').textContent === '0 of 3 shown'");
}

#[test]
fn an_isolated_node_shows_why() {
    let Some(mut browser) = Browser::start() else { return };
    let dns = Dns::start();
    name(&dns, &[], 12);
    let mut site = Site::start(&dns, &[]);
    site.node.process.wait_for(|line| line["event"] == "isolated");
    for (name, width, dark) in [("isolated", 1440, false), ("isolated-360", 360, true)] {
        browser.look(width, 900, dark);
        browser.open(&format!("http://{}/", site.address));
        browser.until("document.querySelector('.status').textContent.includes('Isolated')");
        browser.until("document.querySelector('[data-part=why]').textContent.includes('12 of 12')");
        assert_eq!(browser.eval(FITS), true);
        assert_contrast(&mut browser);
        browser.picture(name);
    }
    assert_eq!(browser.errors(), Vec::<serde_json::Value>::new());
}

#[test]
fn the_page_is_readable_with_many_candidates() {
    let Some(mut browser) = Browser::start() else { return };
    let dns = Dns::start();
    let mut site = Site::start(
        &dns,
        &["--source", "/dns4/many.test./tcp/1", "--source", "/dns4/more.test./tcp/1"],
    );
    let nodes: Vec<_> = (0..4).map(|_| Node::start(&dns, &[])).collect();
    name(&dns, &nodes.iter().chain([&site.node]).collect::<Vec<_>>(), 50);
    site.node.process.wait_for(|line| line["status"] == "joined");
    let url = format!("http://{}/", site.address);
    browser.look(1440, 1150, false);
    browser.open(&url);
    browser.until("document.querySelectorAll('.named tbody tr').length === 50");
    browser.until("document.querySelectorAll('.peers tbody tr').length >= 3");
    browser.picture("50-candidates");

    for (i, name) in (1..).zip(["many.test.", "more.test."]) {
        let host = |n: u16| Ipv4Addr::new(127, i, n.to_be_bytes()[0], n.to_be_bytes()[1]).into();
        dns.zone.set_addresses(name, (0..2_475).map(host));
    }
    browser.until("document.querySelectorAll('.named tbody tr').length === 5000");
    browser.until("document.body.dataset.live === 'yes'");
    browser.picture("5000-candidates");
    assert_eq!(browser.eval(FITS), true);
    browser.eval("document.querySelectorAll('.named tbody tr')[2500].scrollIntoView()");
    browser.until("document.querySelector('.named thead').getBoundingClientRect().top === 0");
    browser.picture("5000-candidates-amid");
    browser.look(360, 740, false);
    assert_eq!(browser.eval(FITS), true);
    browser.picture("5000-candidates-360");
    assert_eq!(browser.errors(), Vec::<serde_json::Value>::new());
}
