//! Publishes this node's own records.

pub use self::{
    config::{Config, ConfigError},
    event::Event,
    key::{Algorithm, KeyError, TsigKey},
    publisher::Publisher,
    tsig::TsigUpdater,
    updater::{ExchangeFuture, Update, UpdateError, Updater},
};

mod config;
mod core;
mod event;
mod key;
mod own;
mod plan;
mod publisher;
mod record;
mod reply;
mod tsig;
mod updater;
