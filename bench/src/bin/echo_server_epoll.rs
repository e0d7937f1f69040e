//! raddle's example `echo_server` without a runtime: the same options, buffer and order of operations.

#[path = "../../../runtime/examples/server/options.rs"]
mod options;
#[path = "raw/mod.rs"]
mod raw;

use std::process::ExitCode;

use crate::raw::{Next, Protocol};

struct Echo;

impl Protocol for Echo {
    const READ_SIZE: usize = 16 * 1024;
    type Shared = ();

    fn new((): &()) -> Echo {
        Echo
    }

    fn answer<'a>(&mut self, bytes: &'a [u8], _answers: &'a mut Vec<u8>) -> (&'a [u8], Next) {
        (bytes, Next::Read)
    }
}

fn main() -> ExitCode {
    raw::main::<Echo>("echo_server_epoll", "127.0.0.1:7009", ())
}
