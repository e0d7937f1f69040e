//! asyncio's programming model on every core.
#![deny(unsafe_code)]

#[allow(unused_imports)]
pub(crate) use raddle_io::shim;
