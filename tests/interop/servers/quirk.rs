//! What a server does with one name that others do not.

use std::fmt;

use hickory_proto::op::ResponseCode;

use super::{kubernetes::SERVICE, zone::absolute};

/// What a CoreDNS does whenever it is asked for [`SERVICE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quirk {
    /// It knows A, and fails where it is asked for AAAA (RFC 4074 section 4).
    Aaaa(Code),
    /// It does not know EDNS, and fails where a query has it (RFC 6891 section 7).
    Edns(Code, Form),
    /// It fails, whatever it is asked.
    All(Code, Form),
}

/// How much of a reply there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// With the question.
    Whole,
    /// Twelve bytes.
    Bare,
}

/// A response code by which a server fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    ServFail,
    Refused,
    NotImp,
    FormErr,
}

impl Quirk {
    /// What makes it so, in the Corefile.
    pub(super) fn plugin(self) -> String {
        let name = absolute(SERVICE);
        match self {
            Self::Aaaa(code) => {
                format!("  template IN AAAA {name} {{\n    rcode {code}\n  }}\n")
            }
            Self::Edns(code, form) => format!("  refuse edns {code} {form} {name}\n"),
            Self::All(code, form) => format!("  refuse all {code} {form} {name}\n"),
        }
    }
}

impl Code {
    pub(crate) const ALL: [Self; 4] = [Self::ServFail, Self::Refused, Self::NotImp, Self::FormErr];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ServFail => "SERVFAIL",
            Self::Refused => "REFUSED",
            Self::NotImp => "NOTIMP",
            Self::FormErr => "FORMERR",
        }
    }

    pub(crate) fn on_the_wire(self) -> ResponseCode {
        match self {
            Self::ServFail => ResponseCode::ServFail,
            Self::Refused => ResponseCode::Refused,
            Self::NotImp => ResponseCode::NotImp,
            Self::FormErr => ResponseCode::FormErr,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "",
            Self::Bare => "bare",
        })
    }
}
