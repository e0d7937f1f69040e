//! raddle's example `http_hello` without a runtime: the same protocol file, options and order of operations.

#[path = "../../../runtime/examples/server/http.rs"]
#[allow(dead_code, reason = "nobody asks here whether a request has begun, since nobody is hurried")]
mod http;
#[path = "../../../runtime/examples/server/options.rs"]
mod options;
#[path = "raw/mod.rs"]
mod raw;

use std::process::ExitCode;

use crate::http::Conversation;
use crate::raw::{Next, Protocol};

impl Protocol for Conversation {
    const READ_SIZE: usize = 4096;
    type Shared = ();

    fn new((): &()) -> Conversation {
        Conversation::default()
    }

    fn answer<'a>(&mut self, bytes: &'a [u8], answers: &'a mut Vec<u8>) -> (&'a [u8], Next) {
        let next = match self.receive(bytes, answers) {
            http::Next::Read => Next::Read,
            http::Next::Close => Next::Close,
        };
        (answers, next)
    }
}

fn main() -> ExitCode {
    raw::main::<Conversation>("http_hello_epoll", "127.0.0.1:8082", ())
}
