//! A cluster in which pods have addresses of both families.

use super::{DUAL, row_of, start::Start};
use crate::suite::Suite;

pub(super) fn add(suite: &mut Suite) {
    let wanted = ("–", "3 s; tables 30 s");
    row_of(DUAL, suite, "Deployment of 10", wanted, || Start::of("deployment", 10, &[]).in_time());
}
