//! A resolver over hickory.
