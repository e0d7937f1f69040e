//! What is promised of the epolls of those who are stuck: their events end the sleep of who is on duty.

mod common;

use std::future::Future as _;
use std::io::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use common::{Counter, context_of, new_reactor};
use raddle_io::context::enter;
use raddle_io::net::TcpStream;
use raddle_io::reactor::Reactor;
use raddle_io::rescue_set::RescueSet;

const HOUR: Duration = Duration::from_secs(3600);

fn pair() -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (TcpStream::try_from(listener.accept().unwrap().0).unwrap(), peer)
}

/// Runs `f` with a read that waits on a socket of that reactor; it is given the other end, and the read's waker's count.
fn with_reader(reactor: &Arc<Reactor>, f: impl FnOnce(&mut std::net::TcpStream, &dyn Fn() -> usize)) {
    let _entered = enter(context_of(reactor));
    let (stream, mut peer) = pair();
    let (count, waker) = Counter::new();
    let mut byte = [0];
    let mut read = pin!(stream.read(&mut byte));
    assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    // That it is writable.
    reactor.drain();
    f(&mut peer, &|| count.count());
}

/// Without the call the park would last: there is nothing else that could end it.
#[test]
fn an_event_of_a_stuck_one_ends_the_sleep_of_who_is_on_duty_each_time() {
    let (stuck, on_duty) = (new_reactor(), new_reactor());
    let mut set = RescueSet::new().unwrap();
    set.set(std::slice::from_ref(&stuck), Some(&on_duty));
    assert!(set.is_on_duty(&on_duty) && !set.is_on_duty(&stuck));
    with_reader(&stuck, |peer, woken| {
        assert!(!on_duty.take_call());
        peer.write_all(b"x").unwrap();
        on_duty.park(None).unwrap();
        assert!(on_duty.take_call() && !on_duty.take_call());
        assert_eq!(woken(), 0, "the event is where it was");
        stuck.turn();
        assert_eq!(woken(), 1);
        // Served, or not: each further event calls again.
        peer.write_all(b"y").unwrap();
        on_duty.park(None).unwrap();
        assert!(on_duty.take_call());
        peer.write_all(b"z").unwrap();
        on_duty.park(None).unwrap();
        assert!(on_duty.take_call());
    });
}

#[test]
fn what_came_before_is_told_to_who_comes_on_duty() {
    let (stuck, first, second) = (new_reactor(), new_reactor(), new_reactor());
    let mut set = RescueSet::new().unwrap();
    with_reader(&stuck, |peer, _| {
        peer.write_all(b"x").unwrap();
        set.set(std::slice::from_ref(&stuck), Some(&first));
        first.park(None).unwrap();
        assert!(first.take_call());
        set.set(std::slice::from_ref(&stuck), Some(&second));
        second.park(None).unwrap();
        assert!(second.take_call());
        // The first is not called any more.
        peer.write_all(b"y").unwrap();
        first.turn();
        assert_eq!(first.park(Some(Duration::ZERO)).unwrap(), 0);
        assert!(!first.take_call());
    });
}

/// No epoll comes to lie below itself, which the kernel would refuse.
#[test]
fn who_gets_stuck_on_duty_is_relieved_and_served() {
    let (one, other) = (new_reactor(), new_reactor());
    let mut set = RescueSet::new().unwrap();
    for _ in 0..3 {
        set.set(std::slice::from_ref(&one), Some(&other));
        set.set(std::slice::from_ref(&other), Some(&one));
        with_reader(&other, |peer, _| {
            peer.write_all(b"x").unwrap();
            one.park(None).unwrap();
            assert!(one.take_call());
        });
        // All are stuck: nobody is on duty.
        set.set(&[one.clone(), other.clone()], None);
        assert!(!set.is_on_duty(&one) && !set.is_on_duty(&other));
    }
}

#[test]
fn who_is_no_longer_stuck_calls_nobody_and_keeps_its_events() {
    let (stuck, on_duty) = (new_reactor(), new_reactor());
    with_reader(&stuck, |peer, woken| {
        let mut set = RescueSet::new().unwrap();
        set.set(std::slice::from_ref(&stuck), Some(&on_duty));
        drop(set);
        peer.write_all(b"x").unwrap();
        // Over the loopback it has arrived.
        assert_eq!(on_duty.park(Some(Duration::ZERO)).unwrap(), 0);
        assert!(!on_duty.take_call());
        assert_eq!(stuck.park(Some(HOUR)).unwrap(), 1);
        assert_eq!(woken(), 1);
    });
}
