//! What the three programs share.

#![allow(dead_code, reason = "each program that includes this module uses a part of it")]

pub(crate) mod cli;
pub(crate) mod member;
pub(crate) mod output;
pub(crate) mod run;
pub(crate) mod transport;
pub(crate) mod words;
