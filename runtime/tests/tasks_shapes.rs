//! Futures and outputs of every size and alignment: in a slot, and too big for one.

mod common;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use common::{Count, runner, watch};
use raddle::{create_local_task, create_task, yield_now};

/// Bytes that know what they should be.
#[derive(Clone)]
struct Pattern<const N: usize>([u8; N]);

impl<const N: usize> Pattern<N> {
    fn new(seed: usize) -> Self {
        Pattern(std::array::from_fn(|at| (at * 31 + seed) as u8))
    }

    fn check(&self, seed: usize) {
        assert!(self.0.iter().enumerate().all(|(at, byte)| *byte == (at * 31 + seed) as u8), "{N} bytes changed");
    }
}

/// Keeps `N` bytes over two suspensions and returns them.
async fn carry<const N: usize>(seed: usize) -> Pattern<N> {
    let pattern = Pattern::<N>::new(seed);
    yield_now().await;
    pattern.check(seed);
    yield_now().await;
    pattern
}

async fn sizes<const N: usize>() {
    let tasks: Vec<_> = (0..20).map(|seed| create_task(carry::<N>(seed))).collect();
    let locals: Vec<_> = (0..3).map(|seed| create_local_task(carry::<N>(seed))).collect();
    for (seed, task) in tasks.into_iter().enumerate() {
        task.await.unwrap().check(seed);
    }
    for (seed, task) in locals.into_iter().enumerate() {
        task.await.unwrap().check(seed);
    }
    // Detached, cancelled while waiting, and with an output that nobody fetches.
    create_task(carry::<N>(1)).detach();
    let cancelled = create_task(carry::<N>(2));
    cancelled.cancel();
    let _ = cancelled.await;
    let unfetched = create_task(carry::<N>(3));
    while !unfetched.is_done() {
        yield_now().await;
    }
}

#[test]
fn any_size_fits() {
    // Each size class of the slots, the sizes around their edges, and heaps: 4 KiB, 64 KiB and more.
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            sizes::<0>().await;
            sizes::<1>().await;
            sizes::<15>().await;
            sizes::<64>().await;
            sizes::<100>().await;
            sizes::<200>().await;
            sizes::<333>().await;
            sizes::<500>().await;
            sizes::<700>().await;
            sizes::<1000>().await;
            sizes::<1500>().await;
            sizes::<1900>().await;
            sizes::<2048>().await;
            sizes::<4000>().await;
            sizes::<4096>().await;
            sizes::<5000>().await;
            sizes::<70_000>().await;
        });
    }
}

#[repr(align(64))]
#[derive(Debug, PartialEq)]
struct Align64(u64);

#[repr(align(128))]
#[derive(Debug, PartialEq)]
struct Align128(u8);

#[repr(align(4096))]
#[derive(Debug, PartialEq)]
struct AlignPage(u8);

/// A future that looks at its own address in every poll, and gives `output`.
struct Aligned<A, T> {
    own: A,
    polls: usize,
    output: Option<T>,
}

impl<A, T> Unpin for Aligned<A, T> {}

impl<A, T> Future for Aligned<A, T> {
    type Output = T;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        assert_eq!((&raw const self.own).addr() % align_of::<A>(), 0, "a misaligned future");
        self.polls += 1;
        if self.polls < 3 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.output.take().expect("polled again after it was ready"))
    }
}

async fn aligned<A: Send + 'static, T: Send + 'static>(
    own: impl Fn() -> A,
    output: impl Fn() -> T,
    check: impl Fn(&T),
) {
    let tasks: Vec<_> =
        (0..20).map(|_| create_task(Aligned { own: own(), polls: 0, output: Some(output()) })).collect();
    for task in tasks {
        let output = Box::new(task.await.unwrap());
        assert_eq!((&raw const *output).addr() % align_of::<T>(), 0);
        check(&output);
    }
}

#[test]
fn any_alignment_is_kept() {
    // Over-aligned futures with plain outputs, plain futures with over-aligned outputs, and both.
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            aligned(|| Align64(1), || 5u8, |output| assert_eq!(*output, 5)).await;
            aligned(|| Align128(1), || 5u8, |output| assert_eq!(*output, 5)).await;
            aligned(|| AlignPage(1), || 5u8, |output| assert_eq!(*output, 5)).await;
            aligned(|| (), || Align64(9), |output| assert_eq!(*output, Align64(9))).await;
            aligned(|| (), || Align128(9), |output| assert_eq!(*output, Align128(9))).await;
            aligned(|| (), || AlignPage(9), |output| assert_eq!(*output, AlignPage(9))).await;
            aligned(|| Align128(1), || Align64(9), |output| assert_eq!(*output, Align64(9))).await;
        });
    }
}

#[test]
fn futures_and_outputs_of_no_size_work() {
    let _watch = watch();
    runner(2).run(async {
        for _ in 0..1000 {
            create_task(std::future::ready(())).await.unwrap();
        }
        let never = create_task(std::future::pending::<std::convert::Infallible>());
        never.cancel();
        assert!(never.await.is_err());
    });
}

#[test]
fn a_big_future_and_its_output_are_dropped_once() {
    // Completed and fetched, completed and not fetched, cancelled before and after the first poll.
    let _watch = watch();
    for workers in [1, 2] {
        let (futures, outputs) = (Count::default(), Count::default());
        runner(workers).run(async {
            let big = |size_matters: [u8; 8192]| {
                let (future, output) = (futures.drops(), outputs.drops());
                async move {
                    yield_now().await;
                    drop(future);
                    (output, size_matters)
                }
            };
            drop(create_task(big([1; 8192])).await.unwrap());
            let unfetched = create_task(big([2; 8192]));
            while !unfetched.is_done() {
                yield_now().await;
            }
            drop(unfetched);
            let early = create_task(big([3; 8192]));
            early.cancel();
            drop(early.await);
            create_task(big([4; 8192])).detach();
        });
        assert_eq!((futures.get(), outputs.get()), (4, 4));
    }
}
