//! Connects that are dropped leave no descriptor open. In a process of its own, since it counts them all.

mod common;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use common::{runner, watch};
use raddle::{TcpListener, TcpStream};

/// Polls a future that many times, at its wakes, and gives it up.
struct UpTo<F>(Pin<Box<F>>, usize);

impl<F: Future> Future for UpTo<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Option<F::Output>> {
        if let Poll::Ready(output) = self.0.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        self.1 -= 1;
        if self.1 == 0 { Poll::Ready(None) } else { Poll::Pending }
    }
}

fn up_to<F: Future>(polls: usize, future: F) -> UpTo<F> {
    UpTo(Box::pin(future), polls)
}

#[test]
fn a_connect_that_is_dropped_leaks_no_descriptor() {
    let _watch = watch();
    runner(1).run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let open = || std::fs::read_dir("/proc/self/fd").map(Iterator::count);
        // Once before counting: the runtime's own descriptors are there then.
        drop(TcpStream::connect(address).await.unwrap());
        drop(listener.accept().await.unwrap());
        let before = open().unwrap();
        for round in 0..50 {
            let connected: Option<io::Result<TcpStream>> = up_to(round % 2 + 1, TcpStream::connect(address)).await;
            drop(connected);
            while let Some(accepted) = up_to(1, listener.accept()).await {
                drop(accepted.unwrap());
            }
        }
        assert!(open().unwrap() <= before, "descriptors: {before} before, {} after", open().unwrap());
    });
}
