//! An in-memory zone.
