//! Other processes, and this one's own standard input and output.

mod stdin;
mod stdin_source;
mod stdout;

pub use stdin::{Stdin, StdinNextLine, StdinRead, StdinReadLine, StdinReadToEnd, stdin};
pub use stdout::{Flush, Print, PrintSome, Stderr, Stdout, stderr, stdout};
