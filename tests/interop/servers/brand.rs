//! Which servers there are, and how each is started.

use std::{fmt, path::Path, process::Command};

use super::{
    kubernetes::{SERVICE, SERVICE_NAME},
    quirk::Quirk,
    zone::absolute,
};
use crate::{suite::Answer, tools::Tool};

/// A name server that somebody else wrote, in one of its roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Brand {
    CoreDns,
    /// With `cache`, as in Kubernetes.
    CoreDnsCache,
    /// It answers with eight addresses at random, and does not say so.
    CoreDnsSample,
    /// It does not do with a name as others do.
    CoreDnsWith(Quirk),
    Bind,
    Knot,
    Dnsmasq,
    /// It asks a BIND behind it, and remembers.
    Unbound,
    /// It asks such a CoreDNS behind it.
    UnboundBefore(Quirk),
    /// It serves nobody, and says so with a bare header.
    UnboundRefusing,
    /// CoreDNS with `kubernetes`: one service, of whose endpoints an API server tells.
    Kubernetes,
}

/// How many addresses [`Brand::CoreDnsSample`] answers with.
pub(crate) const SAMPLE: usize = 8;

impl Brand {
    /// What a name of a zone is called by this server. Kubernetes knows one.
    pub(crate) fn absolute(self, name: &str) -> String {
        match self {
            Self::Kubernetes => name.replace(SERVICE, SERVICE_NAME),
            _ => absolute(name),
        }
    }

    pub(super) fn tool(self) -> Tool {
        let (name, needs) = match self {
            Self::CoreDns | Self::CoreDnsCache | Self::CoreDnsSample | Self::CoreDnsWith(_) => {
                ("coredns", "`tests/interop/run` builds it")
            }
            Self::Bind => ("named", "install bind9"),
            Self::Knot => ("knotd", "install knot"),
            Self::Dnsmasq => ("dnsmasq", "install dnsmasq-base"),
            Self::Unbound | Self::UnboundBefore(_) | Self::UnboundRefusing => {
                ("unbound", "install unbound")
            }
            Self::Kubernetes => ("coredns-kubernetes", "`tests/interop/run` builds it"),
        };
        Tool { name, needs }
    }

    /// Starts in the foreground, with the log on stderr.
    pub(super) fn command(self, config: &Path) -> Result<Command, Answer> {
        let mut command = self.tool().command()?;
        match self {
            Self::CoreDns
            | Self::CoreDnsCache
            | Self::CoreDnsSample
            | Self::CoreDnsWith(_)
            | Self::Kubernetes => command.arg("-conf"),
            Self::Bind => command.args(["-g", "-n", "1", "-c"]),
            Self::Knot => command.arg("-c"),
            Self::Dnsmasq => command.arg("-C"),
            Self::Unbound | Self::UnboundBefore(_) | Self::UnboundRefusing => {
                command.args(["-d", "-c"])
            }
        };
        command.arg(config);
        Ok(command)
    }

    /// The program, and a part of it that not every build has.
    pub(super) fn check(self) -> Result<(), Answer> {
        let program = self.tool().find()?;
        let wanted = match self {
            Self::CoreDnsSample => "sample",
            Self::CoreDnsWith(_) => "refuse",
            _ => return Ok(()),
        };
        let plugins = Command::new(&program).arg("-plugins").output();
        let text = plugins.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        match text {
            Ok(text) if text.contains(wanted) => Ok(()),
            _ => {
                Err(Answer::Cannot(format!("`{}` lacks the plugin `{wanted}`", program.display())))
            }
        }
    }

    /// Who is behind one that asks on.
    pub(super) fn behind(self) -> Option<Self> {
        match self {
            Self::Unbound => Some(Self::Bind),
            Self::UnboundBefore(quirk) => Some(Self::CoreDnsWith(quirk)),
            _ => None,
        }
    }
}

impl fmt::Display for Brand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CoreDns => "CoreDNS",
            Self::CoreDnsCache => "CoreDNS with `cache`",
            Self::CoreDnsSample => "CoreDNS with samples",
            Self::CoreDnsWith(_) => "CoreDNS with a quirk",
            Self::Bind => "BIND",
            Self::Knot => "Knot",
            Self::Dnsmasq => "dnsmasq",
            Self::Unbound => "Unbound before BIND",
            Self::UnboundBefore(_) => "Unbound before CoreDNS",
            Self::UnboundRefusing => "Unbound for others",
            Self::Kubernetes => "CoreDNS with `kubernetes`",
        })
    }
}
