//! asyncio's programming model on every core: an async runtime whose workers steal work from each other.
//!
//! ```
//! use std::time::Duration;
//! use raddle::{create_task, run, sleep};
//!
//! async fn fetch_data() -> u32 {
//!     sleep(Duration::from_millis(20)).await;
//!     1
//! }
//!
//! let data = run(async {
//!     let task = create_task(fetch_data());
//!     sleep(Duration::from_millis(1)).await; // runs beside it
//!     task.await.unwrap()
//! });
//! assert_eq!(data, 1);
//! ```
//!
//! # Features
//!
//! None is on unless asked for. Each adds to what is there and stands alone.
//!
//! * `stream`: the trait `Stream` for what gives one item after the other.
//! * `tls`: TLS for connections and servers, by rustls; with `tower`, HTTPS.
//! * `tokio`: tokio's `AsyncRead` and `AsyncWrite` for the sockets. Nothing of tokio's runtime comes with it.
//! * `hyper`: hyper's `Read` and `Write` for the sockets, `HyperExecutor` and `HyperTimer`.
//! * `tower`: `serve`, for axum's `Router` and other services of tower, over HTTP/1 and HTTP/2; a layer for timeouts.
//! * `tokio-context`: `tokio_context`, for code that insists on a tokio runtime.
//! * `tracing`: a span for each task and events for reports; see [`Handle::metrics`] for what needs no feature.
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! raddle::run(async {
//!     use raddle::{TcpListener, TcpStream};
//!     use tokio::io::{AsyncBufReadExt, BufReader};
//!
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let mut client = TcpStream::connect(listener.local_addr()?).await?;
//!     client.write_all(b"one\ntwo\n").await?;
//!     let (stream, _peer) = listener.accept().await?;
//!     // With the feature `tokio`, what is written for tokio's traits takes raddle's sockets.
//!     let mut lines = BufReader::new(stream).lines();
//!     assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
//!     std::io::Result::Ok(())
//! })
//! .unwrap();
//! ```
//!
//! # Tracing
//!
//! With the feature `tracing`, each task has a span named `task` of level DEBUG and target `raddle::task`, with the fields
//! `name`, `id` and `at`, the line that created it. It is a child of the span that its creator was in, is entered for each
//! poll, and ends with the task; a name that is given later does not show. What goes to
//! [`Runner::on_exception`] is told as an event of target `raddle`, too: errors and panics as ERROR, slow polls and the like as
//! WARN. A task that no subscriber wants to know of when it is created has no span.
//!
//! # Checking your own code
//!
//! With `--cfg raddle_loom` the crate shrinks to its primitives on loom's types, and programs on them can be run in every
//! order: [`checking`] tells how.
//!
//! # How it is made
//!
//! Layers, from below: [`net`], [`sleep`] and the reactor come from `raddle-io`, which knows wakers and no tasks;
//! `task` is what a task is as data; `scheduler` decides who runs what; `harness` polls; `api` is what you see here.
//! Unsafe code is allowed in the modules that say `allow(unsafe_code)`, where they are declared or on top of their
//! file, and in two lines of `api::task`; nowhere else.
#![deny(unsafe_code)]

pub(crate) use raddle_io::{shim, waiting};

// With `--cfg raddle_loom` (see `checking`) the crate is what needs no worker, no reactor and no clock: `sync`, on loom's
// types, and `model`. The rest is left out item by item, so that the compiler can tell who asks for it where it is gated.
// raddle-io compiles as it is under that cfg, for the sake of its shim; its sockets and timers are not handed on, since
// loom could not see what the kernel does.
#[cfg(not(raddle_loom))]
mod api;
pub mod checking;
#[cfg(all(not(raddle_loom), any(feature = "hyper", feature = "tokio-context")))]
mod ecosystem;
#[cfg(not(raddle_loom))]
pub mod faults;
#[cfg(not(raddle_loom))]
pub mod fs;
#[cfg(not(raddle_loom))]
#[allow(unsafe_code)]
mod harness;
#[cfg(not(raddle_loom))]
#[allow(unsafe_code)]
mod location;
#[cfg(raddle_loom)]
pub mod model;
#[cfg(not(raddle_loom))]
pub mod porting;
#[cfg(not(raddle_loom))]
pub mod process;
#[cfg(not(raddle_loom))]
mod rng;
#[cfg(not(raddle_loom))]
mod scheduler;
#[cfg(not(raddle_loom))]
pub mod signal;
#[cfg(not(raddle_loom))]
pub mod streams;
pub mod sync;
#[cfg(not(raddle_loom))]
mod task;
#[cfg(all(not(raddle_loom), feature = "tls"))]
pub mod tls;

#[cfg(not(raddle_loom))]
pub use api::{
    as_completed::{AsCompleted, AsCompletedInTime, NextCompleted, NextInTime, as_completed},
    ask::ask,
    background::Background,
    call_graph::{CallGraph, CallGraphEntry, capture_call_graph, print_call_graph},
    callbacks::{CallHandle, call_at, call_later, call_soon},
    cancel_scope::{CancelScope, ScopeRun},
    context_var::ContextVar,
    deadline::{Deadline, DeadlineRun, deadline},
    deadlock::{Deadlock, Deadlocks},
    defer::{Deferred, defer_async},
    finally::{Exit, Finally, FinallyExt},
    gather::{Gather, GatherAll, GatherTuple, OfIterable, OfTuple, gather},
    group::{TaskGroup, TaskGroupRun, task_group},
    group_child::GroupOutput,
    group_error::{Failure, GroupError},
    group_start::{Start, Started},
    handle::{Closed, Handle},
    histogram::{Bucket, Histogram},
    inspect::{all_tasks, current_task},
    metrics::{Metrics, NameMetrics, WorkerMetrics},
    protect::{Protect, protect},
    race::{Race, RaceAll, RaceTuple, race},
    run_error::RunError,
    runner::{Runner, run},
    scoped::Scoped,
    shield::{Shield, shield},
    spawn::{LocalTask, TaskBuilder, create_local_task, create_task},
    spawn_reported::{ReportedTask, spawn_reported},
    stop::{RunUntilStopped, StopRequested, is_stopping, run_until_stopped, stop_requested},
    task::{CancelAfterStop, Canceller, Flatten, Task},
    task_context::{TaskContext, copy_context},
    timeout::{MoveOn, Timeout, move_on_after, timeout, timeout_at, wait_for},
    to_thread::{ToThread, to_thread},
    try_gather::{TryAll, TryGather, TryGatherState, TryGathering, try_gather},
    wait::{Wait, WaitResult, When, wait},
    with::{AsyncClose, with},
    yield_now::{YieldNow, yield_now},
};
#[cfg(all(not(raddle_loom), feature = "hyper"))]
pub use ecosystem::hyper;
#[cfg(all(not(raddle_loom), feature = "hyper"))]
#[doc(no_inline)]
pub use ecosystem::hyper::{HyperExecutor, HyperTimer};
#[cfg(all(not(raddle_loom), feature = "tokio-context"))]
pub use ecosystem::tokio_context::{InTokio, TokioContext, tokio_context};
#[cfg(all(not(raddle_loom), feature = "tower"))]
pub use ecosystem::tower;
#[cfg(all(not(raddle_loom), feature = "tower"))]
#[doc(no_inline)]
pub use ecosystem::tower::{Serve, TimeoutLayer, serve};
#[cfg(not(raddle_loom))]
pub use process::{
    Child, Command, Stderr, Stdin, Stdout, create_subprocess_exec, create_subprocess_shell, stderr, stdin, stdout,
};
#[cfg(not(raddle_loom))]
pub use scheduler::report::ExceptionContext;
#[cfg(not(raddle_loom))]
pub use signal::{CtrlC, Signal, SignalRecv, Signals, ctrl_c, signal};
#[cfg(all(not(raddle_loom), feature = "tls"))]
pub use streams::start_tls;
#[cfg(not(raddle_loom))]
pub use streams::{
    Feeder, HandlerOutput, OpenConnection, ReadError, Server, StartServer, StreamReader, StreamWriter, open_connection,
    open_unix_connection, start_server, start_unix_server,
};
pub use sync::*;
#[cfg(not(raddle_loom))]
pub use task::{
    error::{Panic, TaskError},
    id::TaskId,
    status::{TaskInfo, TaskStatus},
    wait_info::{WaitInfo, WaitsOn},
};

#[cfg(not(raddle_loom))]
#[doc(no_inline)]
pub use raddle_io::net::{
    AsyncFd, TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, lookup_host,
};
#[cfg(not(raddle_loom))]
pub use raddle_io::{
    Advance, Clock, Instant, Interval, MissedTickBehavior, Sleep, TimeoutError, interval, interval_at, net, sleep,
    sleep_until,
};
#[cfg(not(raddle_loom))]
pub use raddle_macros::{main, test};

/// Any error, sendable: what `?` makes of most of them.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
