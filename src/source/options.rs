//! The options of a source, which follow the `?` in its text.

use std::fmt;

use super::SourceError;

/// What an operator says of a source's answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Options {
    pub(super) pinned: bool,
    pub(super) sampled: bool,
    pub(super) secure: bool,
}

impl Options {
    /// Reads what follows the `?`, which stands right before byte `at`.
    pub(super) fn read(text: &str, mut at: usize) -> Result<Self, SourceError> {
        let mut options = Self::default();
        for option in text.split('&') {
            match option {
                "pinned" => options.pinned = true,
                "sampled" => options.sampled = true,
                "secure" => options.secure = true,
                _ => return Err(SourceError::UnknownOption { at, option: option.to_owned() }),
            }
            at += option.len() + 1;
        }
        Ok(options)
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [(self.pinned, "pinned"), (self.sampled, "sampled"), (self.secure, "secure")];
        for (i, (_, option)) in all.iter().filter(|(is_set, _)| *is_set).enumerate() {
            let separator = if i == 0 { '?' } else { '&' };
            write!(f, "{separator}{option}")?;
        }
        Ok(())
    }
}
