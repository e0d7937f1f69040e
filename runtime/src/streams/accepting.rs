//! Accepting connections for a server, and starting a task for each.

use std::fmt::Display;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::time::Duration;

use raddle_io::sleep;

use super::listen::Listener;
use super::open::streams;
use super::reader::StreamReader;
use super::securing::Securing;
use super::server::Inner;
use super::writer::StreamWriter;
use crate::api::spawn::create_task;
use crate::harness::create;
use crate::scheduler::context;
use crate::scheduler::report::{ExceptionContext, report};
use crate::shim::Arc;
use crate::task::status::TaskInfo;

/// After an error that is not that of one connection.
const PAUSE: Duration = Duration::from_millis(100);

/// What the handler of a server may give: `()`, or a `Result` whose error is reported to
/// [`Runner::on_exception`](crate::Runner::on_exception).
pub trait HandlerOutput {
    /// The error's text, if it is one.
    fn into_error(self) -> Option<String>;
}

impl HandlerOutput for () {
    fn into_error(self) -> Option<String> {
        None
    }
}

impl<E: Display> HandlerOutput for Result<(), E> {
    fn into_error(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

/// Accepts on one socket until the server is closed.
pub(super) async fn accept<H, Fut>(
    server: Arc<Inner>,
    listener: Arc<Listener>,
    handler: Arc<H>,
    limit: usize,
    securing: Securing,
    at: &'static Location<'static>,
) where
    H: Fn(StreamReader, StreamWriter) -> Fut + Send + Sync + 'static,
    Fut: Future + Send,
    Fut::Output: HandlerOutput,
{
    // Also when the runtime ends, with this task.
    let _stops = StopOnDrop(server.clone(), listener.clone());
    loop {
        let permit = match &server.room {
            Some(room) => Some(room.clone().acquire_owned().await),
            None => None,
        };
        let (transport, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) if !server.is_serving() => return,
            Err(error) => {
                let text = format!("a server cannot accept on {}", listener.name());
                tell(ExceptionContext::new(text).with_error(error.to_string()).at(at));
                sleep(PAUSE).await;
                continue;
            }
        };
        let (reader, writer) = streams(transport, limit, at);
        if !server.clients.add(reader.connection(), permit) {
            // It came as the server closed.
            return;
        }
        let (handler, securing) = (handler.clone(), securing.clone());
        create_task(async move {
            let (reader, writer) = match securing.secure(reader, writer, at).await {
                Ok(streams) => streams,
                Err(error) if has_gone_away(&error) => return,
                Err(error) => {
                    let text = format!("the connection from {peer} was not served");
                    return tell(ExceptionContext::new(text).with_error(error.to_string()).at(at));
                }
            };
            if let Some(error) = handler(reader, writer).await.into_error() {
                let text = format!("the handler of the connection from {peer} failed");
                let task = create::current_task().map(|task| TaskInfo::of(task, Some(task)));
                let context = ExceptionContext::new(text).with_error(error).at(at);
                tell(ExceptionContext { task, ..context });
            }
        });
    }
}

/// The peer has lost interest before there was anything to serve.
fn has_gone_away(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof)
}

struct StopOnDrop(Arc<Inner>, Arc<Listener>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stopped(&self.1);
    }
}

fn tell(context: ExceptionContext) {
    let worker = context::current();
    report(worker.and_then(|worker| worker.shared.config.on_exception.as_ref()), &context);
}
