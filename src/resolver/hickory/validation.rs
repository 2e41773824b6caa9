//! In which domains, and from which anchors, answers are validated.

use std::{fmt, sync::Arc};

use hickory_proto::{dnssec::TrustAnchors, rr::Name};

/// What is validated, and what every chain of signatures must begin with.
#[derive(Clone)]
pub(super) struct Validation {
    pub(super) anchors: Option<Arc<TrustAnchors>>,
    pub(super) domains: Arc<[Name]>,
}

impl Default for Validation {
    fn default() -> Self {
        Self { anchors: None, domains: [Name::root()].into() }
    }
}

impl fmt::Debug for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root_keys = self.anchors.as_ref().map(|anchors| anchors.len());
        f.debug_struct("Validation")
            .field("root_keys", &root_keys)
            .field("domains", &self.domains)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_nothing_is_validated_and_with_anchors_everything() {
        let validation = Validation::default();
        assert!(validation.anchors.is_none());
        assert!(validation.domains.iter().any(|domain| domain.zone_of(&Name::root())));
    }

    #[test]
    fn the_anchors_are_told_by_their_number() {
        let anchors = Some(Arc::new(TrustAnchors::default()));
        let told = format!("{:?}", Validation { anchors, ..Validation::default() });
        let count = TrustAnchors::default().len();
        assert!(told.contains(&format!("root_keys: Some({count})")), "{told}");
    }
}
