//! A reader of XML that lets nothing pass that is not well-formed, and knows what a drawing needs:
//! elements, attributes and text.

use std::{collections::BTreeMap, iter};

/// An element of a document.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    /// The text right within it.
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// The element itself and all within it.
    pub(crate) fn all(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        Box::new(iter::once(self).chain(self.children.iter().flat_map(Self::all)))
    }

    /// Whether it is of a class.
    pub(crate) fn is(&self, class: &str) -> bool {
        let classes = self.attributes.get("class");
        classes.is_some_and(|classes| classes.split(' ').any(|one| one == class))
    }
}

/// Reads a document that is one element.
pub(crate) fn parse(text: &str) -> Result<Element, String> {
    let mut reader = Reader { rest: text.trim() };
    let root = reader.element()?;
    match reader.rest {
        "" => Ok(root),
        rest => Err(format!("after the root: {rest}")),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn element(&mut self) -> Result<Element, String> {
        self.expect("<")?;
        let name = self.name()?;
        let attributes = self.attributes()?;
        let (text, children) = (String::new(), Vec::new());
        let mut element = Element { name, attributes, text, children };
        if self.take("/>") {
            return Ok(element);
        }
        self.expect(">")?;
        loop {
            element.text.push_str(&unescape(self.until("<")?)?);
            if self.take("</") {
                break;
            }
            element.children.push(self.element()?);
        }
        self.expect(&element.name)?;
        self.expect(">")?;
        Ok(element)
    }

    fn attributes(&mut self) -> Result<BTreeMap<String, String>, String> {
        let mut attributes = BTreeMap::new();
        while self.rest.starts_with([' ', '\n']) {
            self.rest = self.rest.trim_start();
            let name = self.name()?;
            self.expect("=\"")?;
            let value = self.until("\"")?;
            self.expect("\"")?;
            if value.contains('<') || attributes.insert(name.clone(), unescape(value)?).is_some() {
                return Err(format!("a wrong or second {name}: {value}"));
            }
        }
        Ok(attributes)
    }

    fn name(&mut self) -> Result<String, String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let end = self.rest.find(|c| !is_name(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        match name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            true => Ok(name.to_owned()),
            false => Err(format!("no name: {name}{rest}")),
        }
    }

    fn until(&mut self, end: &str) -> Result<&'a str, String> {
        let at = self.rest.find(end).ok_or_else(|| format!("no {end} in: {}", self.rest))?;
        let (before, rest) = self.rest.split_at(at);
        self.rest = rest;
        Ok(before)
    }

    fn take(&mut self, wanted: &str) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        let found: String = self.rest.chars().take(40).collect();
        if self.take(wanted) { Ok(()) } else { Err(format!("no {wanted} at: {found}")) }
    }
}

/// Replaces the five entities that XML knows by itself.
fn unescape(text: &str) -> Result<String, String> {
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, after) = part.split_once(';').ok_or_else(|| format!("a bare & in: {text}"))?;
        plain.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => return Err(format!("&{entity}; is unknown")),
        });
        plain.push_str(after);
    }
    Ok(plain)
}

#[test]
fn what_is_not_well_formed_is_refused() {
    let good = parse("<a b=\"1 &lt; 2\"><c/>&amp;<d e=\"\">f</d></a>").expect("it is well-formed");
    assert_eq!(good.all().map(|e| &*e.name).collect::<String>(), "acd");
    assert_eq!((&*good.text, &*good.attributes["b"]), ("&", "1 < 2"));
    for bad in [
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a b=1/>",
        "<a b=\"1\" b=\"2\"/>",
        "<a b=\"<\"/>",
        "<a>&</a>",
        "<a>&nbsp;</a>",
        "<a><b></a></b>",
        "text",
        "",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}
