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
//! # How it is made
//!
//! Layers, from below: [`net`], [`sleep`] and the reactor come from `raddle-io`, which knows wakers and no tasks;
//! `task` is what a task is as data; `scheduler` decides who runs what; `harness` polls; `api` is what you see here.
//! Unsafe code is allowed in the modules that say `allow(unsafe_code)`, where they are declared or on top of their
//! file, and in two lines of `api::task`; nowhere else.
#![deny(unsafe_code)]

pub(crate) use raddle_io::shim;

mod api;
#[cfg(any(feature = "hyper", feature = "tokio-context"))]
mod ecosystem;
pub mod faults;
pub mod fs;
#[allow(unsafe_code)]
mod harness;
pub mod porting;
pub mod process;
mod rng;
mod scheduler;
pub mod signal;
pub mod streams;
pub mod sync;
mod task;
#[cfg(feature = "tls")]
pub mod tls;

pub use api::as_completed::{AsCompleted, AsCompletedInTime, NextCompleted, NextInTime, as_completed};
pub use api::background::Background;
pub use api::callbacks::{CallHandle, call_at, call_later, call_soon};
pub use api::cancel_scope::{CancelScope, ScopeRun};
pub use api::context_var::ContextVar;
pub use api::deadline::{Deadline, DeadlineRun, deadline};
pub use api::defer::{Deferred, defer_async};
pub use api::finally::{Exit, Finally, FinallyExt};
pub use api::gather::{Gather, GatherAll, GatherTuple, OfIterable, OfTuple, gather};
pub use api::group::{TaskGroup, TaskGroupRun, task_group};
pub use api::group_child::GroupOutput;
pub use api::group_error::{Failure, GroupError};
pub use api::group_start::{Start, Started};
pub use api::handle::{Closed, Handle};
pub use api::inspect::{all_tasks, current_task};
pub use api::metrics::{Metrics, WorkerMetrics};
pub use api::protect::{Protect, protect};
pub use api::race::{Race, RaceAll, RaceTuple, race};
pub use api::runner::{RunError, Runner, run};
pub use api::scoped::Scoped;
pub use api::shield::{Shield, shield};
pub use api::spawn::{LocalTask, TaskBuilder, create_local_task, create_task};
pub use api::spawn_reported::{ReportedTask, spawn_reported};
pub use api::stop::{RunUntilStopped, StopRequested, is_stopping, run_until_stopped, stop_requested};
pub use api::task::{CancelAfterStop, Canceller, Flatten, Task};
pub use api::task_context::{TaskContext, copy_context};
pub use api::timeout::{MoveOn, Timeout, move_on_after, timeout, timeout_at, wait_for};
pub use api::to_thread::{ToThread, to_thread};
pub use api::try_gather::{TryAll, TryGather, TryGatherState, TryGathering, try_gather};
pub use api::wait::{Wait, WaitResult, When, wait};
pub use api::with::{AsyncClose, with};
pub use api::yield_now::{YieldNow, yield_now};
#[cfg(feature = "hyper")]
pub use ecosystem::hyper;
#[cfg(feature = "hyper")]
#[doc(no_inline)]
pub use ecosystem::hyper::{HyperExecutor, HyperTimer};
#[cfg(feature = "tokio-context")]
pub use ecosystem::tokio_context::{InTokio, TokioContext, tokio_context};
#[cfg(feature = "tower")]
pub use ecosystem::tower;
#[cfg(feature = "tower")]
#[doc(no_inline)]
pub use ecosystem::tower::{Serve, TimeoutLayer, serve};
pub use process::{
    Child, Command, Stderr, Stdin, Stdout, create_subprocess_exec, create_subprocess_shell, stderr, stdin, stdout,
};
pub use scheduler::report::ExceptionContext;
pub use signal::{CtrlC, Signal, SignalRecv, Signals, ctrl_c, signal};
#[cfg(feature = "tls")]
pub use streams::start_tls;
pub use streams::{
    Feeder, HandlerOutput, OpenConnection, ReadError, Server, StartServer, StreamReader, StreamWriter, open_connection,
    open_unix_connection, start_server, start_unix_server,
};
pub use sync::*;
pub use task::error::{Panic, TaskError};
pub use task::id::TaskId;
pub use task::status::{TaskInfo, TaskStatus};

#[doc(no_inline)]
pub use raddle_io::net::{
    AsyncFd, TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, lookup_host,
};
pub use raddle_io::{
    Clock, Instant, Interval, MissedTickBehavior, Sleep, TimeoutError, interval, interval_at, net, sleep, sleep_until,
};
pub use raddle_macros::{main, test};

/// Any error, sendable: what `?` makes of most of them.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
