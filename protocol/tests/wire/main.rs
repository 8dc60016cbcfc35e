//! The codec of the client protocol.

mod connect;
mod info;
mod malformed;
mod round_trip;
mod splits;
mod support;
