//! What becomes of a program when its surroundings fail: no file descriptors, no threads, a process that stands still,
//! system calls that fail or are interrupted, a network that loses, resets or falls silent. `raddle::faults` promises it.
//!
//! Each test has a *victim*: this binary once more, in a process of its own, so that what is done to it is done to nobody
//! else. What needs strace, or root and a network of its own, says so and is skipped where they are not to be had.

mod common;

mod faults {
    pub(crate) mod few_files;
    pub(crate) mod namespaces;
    pub(crate) mod network;
    pub(crate) mod starting;
    pub(crate) mod stopped;
    pub(crate) mod strace;
    pub(crate) mod syscalls;
    pub(crate) mod victim;
}
