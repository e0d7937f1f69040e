//! The expansions, run against a `Runner` that only notes what it was told.
//!
//! The attributes name everything from `::raddle`, and here that is this file.
#![allow(missing_docs, clippy::missing_panics_doc)]

extern crate self as raddle;

use std::cell::RefCell;
use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

thread_local! {
    static CALLS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn note(call: String) {
    CALLS.with_borrow_mut(|calls| calls.push(call));
}

fn calls() -> String {
    CALLS.with_borrow_mut(std::mem::take).join(" ")
}

#[derive(Debug)]
pub struct Clock(&'static str);

impl Clock {
    pub fn auto() -> Clock {
        Clock("auto")
    }
    pub fn manual() -> Clock {
        Clock("manual")
    }
}

#[derive(Debug, Default)]
pub struct Runner;

impl Runner {
    pub fn new() -> Runner {
        note("new".into());
        Runner
    }
    pub fn workers(self, n: usize) -> Self {
        note(format!("workers({n})"));
        self
    }
    pub fn clock(self, clock: Clock) -> Self {
        note(format!("clock({})", clock.0));
        self
    }
    pub fn handle_ctrl_c(self, on: bool) -> Self {
        note(format!("handle_ctrl_c({on})"));
        self
    }
    pub fn run<F: IntoFuture>(&mut self, main: F) -> F::Output {
        note("run".into());
        match pin!(main.into_future()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => unreachable!("these bodies never wait"),
        }
    }
}

/// Goal: a body whose result needs a coercion compiles as it does in a plain `async fn`.
#[raddle_macros::main]
async fn plain() -> Result<u8, Box<dyn Error>> {
    let parsed: u8 = "7".parse()?;
    if parsed == 8 {
        return Err(Box::new(std::fmt::Error));
    }
    Ok(parsed)
}

#[raddle_macros::main(workers = 4)]
/// Attributes, visibility and where clauses stay.
pub(crate) async fn with_workers() -> impl Iterator<Item = u8>
where
    u8: Copy,
{
    std::future::ready([1, 2].into_iter()).await
}

macro_rules! from_macro {
    ($visibility:vis $name:ident $body:block) => {
        #[raddle_macros::main]
        $visibility async fn $name() $body
    };
}
from_macro!(pub(crate) made_by_a_macro { note("body".into()) });

#[test]
fn main_runs_its_body_under_a_runner() {
    assert_eq!(plain().unwrap(), 7);
    assert_eq!(calls(), "new handle_ctrl_c(true) run");
    assert_eq!(with_workers().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(calls(), "new workers(4) handle_ctrl_c(true) run");
    made_by_a_macro();
    assert_eq!(calls(), "new handle_ctrl_c(true) run body");
}

#[raddle_macros::test]
async fn a_test_has_two_workers() {
    assert_eq!(calls(), "new workers(2) run");
}

#[raddle_macros::test(workers = 3)]
async fn a_test_has_the_workers_it_asks_for() -> Result<(), std::fmt::Error> {
    assert_eq!(calls(), "new workers(3) run");
    Ok(())
}

#[raddle_macros::test(clock = auto)]
async fn a_test_with_an_automatic_clock_has_one_worker() {
    assert_eq!(calls(), "new workers(1) clock(auto) run");
}

#[raddle_macros::test(workers = 8, clock = manual)]
async fn a_test_with_a_clock_of_its_own_has_the_workers_it_asks_for() {
    assert_eq!(calls(), "new workers(8) clock(manual) run");
}

#[raddle_macros::test]
#[should_panic(expected = "kept")]
async fn other_attributes_are_kept() {
    panic!("this attribute is kept");
}
