//! Checking your own code: every order in which tasks and threads can step, instead of those that a test happens to see.
//!
//! A notification that is lost once in a million runs is found neither by a test nor by a look at the code that lost it.
//! [loom](https://docs.rs/loom) finds it: it runs a small program, a *model*, again and again, each time in another order
//! and with every stale read that the memory model allows. With the flag `--cfg raddle_loom`, raddle's own primitives
//! are built on loom's atomics, locks and cells. They are the files that run otherwise, not imitations. So what you
//! have written on [`Mutex`](crate::Mutex), [`Event`](crate::Event), [`Queue`](crate::Queue) and the others can be checked
//! as it is.
//!
//! # A mistake
//!
//! A pool lends its connections; who finds none waits for one to come back.
//!
//! ```
//! use raddle::{Event, Mutex};
//!
//! pub struct Pool<C> {
//!     idle: Mutex<Vec<C>>,
//!     returned: Event,
//! }
//!
//! impl<C> Pool<C> {
//!     pub async fn take(&self) -> C {
//!         loop {
//!             if let Some(connection) = self.idle.lock().await.pop() {
//!                 return connection;
//!             }
//!             self.returned.clear();
//!             self.returned.wait().await;
//!         }
//!     }
//!
//!     pub async fn give_back(&self, connection: C) {
//!         let mut idle = self.idle.lock().await;
//!         idle.push(connection);
//!         self.returned.set();
//!     }
//! }
//! ```
//!
//! It works, until a connection comes back just after somebody has looked for it and before the `clear`: it lies in the
//! pool, its notification is wiped out, and whoever waits for it waits for ever.
//!
//! # A model
//!
//! A model is what two or three tasks do at the same time, and what must hold afterwards. It goes into a file of its own,
//! `tests/models.rs`, which is empty without the flag:
//!
//! ```text
//! #![cfg(raddle_loom)]
//!
//! use raddle::model::loom::sync::Arc;
//! use raddle::model::{block_on, check, note, thread};
//!
//! #[test]
//! fn take_gets_what_comes_back() {
//!     check("take_gets_what_comes_back", || {
//!         let pool = Arc::new(Pool::new(vec![1]));
//!         let connection = block_on(pool.take());
//!         let other = thread({
//!             let pool = pool.clone();
//!             move || block_on(pool.take())
//!         });
//!         block_on(pool.give_back(connection));
//!         note("has given the connection back");
//!         assert_eq!(other.join(), 1);
//!     });
//! }
//! ```
//!
//! ```text
//! RUSTFLAGS="--cfg raddle_loom" cargo test --release --test models --target-dir target/models -- --nocapture
//! ```
//!
//! The flag changes what every crate is, hence the target directory. `--test models` leaves out what does not compile
//! with it (below). `--nocapture` shows for each model in how many orders it was run. No dependency is needed: loom
//! comes with raddle, and only with the flag. For the compiler to know the flag's name, `Cargo.toml` says
//!
//! ```text
//! [lints.rust]
//! unexpected_cfgs = { level = "warn", check-cfg = ["cfg(raddle_loom)"] }
//! ```
//!
//! # Reading a failure
//!
//! ```text
//! model take_gets_what_comes_back fails in execution 95 (at most 3 preemptions):
//!     main: has given the connection back
//!     main: waits for the end of thread 1
//!     thread 1: has to wait in the block_on of tests/models.rs:13:21
//!     it panicked at …/loom-0.7.3/src/rt/execution.rs:215:13:
//! deadlock; threads = [(Id(0), Blocked(Location(None))), (Id(1), Blocked(Location(None)))]
//! ```
//!
//! In the 95th order the connection was back before thread 1 began to wait, and still it waits: it has lost a
//! notification. The lines come from `note` (call it where you want to know who was first, also in the code that is
//! checked, behind the cfg), from `block_on` when a future is not ready, and from `join`; they are those of the failing
//! order alone, one after the other as they happened. What the last line says:
//!
//! * **deadlock**: nobody can go on. A notification is lost, or two wait for each other.
//! * **an assertion of yours**, with its place in your file: a result that should not be.
//! * **Causality violation**: two threads touch a cell of loom's, and nothing orders them. In safe code on raddle's
//!   types that cannot happen; if it does, it is a bug of raddle's.
//! * **Arc leaked**: of loom's `Arc`, the last reference never went.
//! * **Model exceeded maximum number of branches**: a loop tries again and again without `model::yield_now`.
//!
//! `LOOM_LOCATION=1` adds lines to what loom says, `RUST_BACKTRACE=1` shows the way to the panic. A panic may be followed
//! by others, since threads that have failed are taken apart, and the process may end then: the first one counts. Name a
//! model on the command line to see it alone. The same model fails in the same execution each time.
//!
//! To clear first and look then does not help: this model passes, but of two tasks that look for two connections, one
//! would wipe out the other's notification. (The model that finds it has two connections; it needs 2539 orders.) The
//! lock has to be held during the `clear`. Then nobody can give a connection back between the look and it:
//!
//! ```
//! # use raddle::{Event, Mutex};
//! # pub struct Pool<C> { idle: Mutex<Vec<C>>, returned: Event }
//! # impl<C> Pool<C> {
//! pub async fn take(&self) -> C {
//!     loop {
//!         {
//!             let mut idle = self.idle.lock().await;
//!             if let Some(connection) = idle.pop() {
//!                 return connection;
//!             }
//!             self.returned.clear();
//!         }
//!         self.returned.wait().await;
//!     }
//! }
//! # }
//! ```
//!
//! ```text
//! take_gets_what_comes_back: 131 executions (at most 3 preemptions), 25.3ms
//! ```
//!
//! The whole of it, with more models, is `loom-tests/user-program` in raddle's repository. (A
//! [`Queue`](crate::Queue) of connections would have been the better pool.)
//!
//! # What is in `raddle::model`
//!
//! | | |
//! |---|---|
//! | `check(name, f)` | runs `f` in every order, and prints in how many |
//! | `thread(f)` | starts a thread of the model; `join` waits for it and gives what it returned |
//! | `block_on(future)` | drives a future to its end, as a worker drives a task |
//! | `poll_once(future)` | polls once and then drops it, as a timeout or a cancellation does |
//! | `yield_now()` | lets the others run; a loop that tries again has to call it |
//! | `note(text)` | remembers what happened, for the report of a failure |
//! | `loom` | loom itself, for its `Arc`, atomics, cells and thread-locals |
//!
//! `RADDLE_MODEL_PREEMPTIONS` is how often in one execution a thread may be stopped where it could have gone on: 3, if it
//! is not set; `all` is no bound, and good for two threads. Nearly all bugs need two or three. There is no limit on time,
//! since a search that is cut looks just like one that found nothing; loom's own variables for that are ignored.
//!
//! # What a model sees, and what it does not
//!
//! * **Tasks are threads.** `thread(|| block_on(…))` stands for a task: tasks may run in parallel on several workers,
//!   and a model does not assume less. That is more than a program sees which runs with `workers(1)`.
//! * **What there is**: the primitives of [`sync`](crate::sync), but not `lock_owned` and `acquire_owned` (loom's `Arc`
//!   cannot be a receiver). **What there is not**: tasks, `run`, the combinators, timers, sockets, files, processes,
//!   signals, the features. Who names one of these gets an error that shows where it is left out, by
//!   `#[cfg(not(raddle_loom))]`. So what is to be checked belongs into a module that needs only primitives; the rest
//!   of the crate gets the same attribute.
//! * **No time.** A timeout is a future that is dropped: `poll_once`, where it has to wait.
//! * **Only loom's types are seen.** An atomic, a lock or a cell of std's in your code is neither preempted nor
//!   checked; take `raddle::model::loom`'s instead, behind the cfg. std's `Arc` does no harm, but no leak is seen.
//!   What is random or depends on the time must not be in a model: every execution has to do the same in the same
//!   order.
//! * **No statics.** The primitives' `new` is not `const` with the flag: make them in the model, or take
//!   `loom::lazy_static!`.
//! * **Five threads** at most, with the model's own. In fact two, or three: each further thread makes a search a hundred
//!   times as long, each preemption ten times, each operation some of both. Two threads that do two things each take
//!   milliseconds, three threads seconds. If a model takes minutes, leave something out: one item instead of two,
//!   one task instead of two that do the same.
//! * **A model that cannot fail proves nothing.** Break the code that it is about, and see it fail, once.
