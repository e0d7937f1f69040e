//! What a reactor promises: parking, unparking, standing in for its owner, and its end.

mod common;

use std::future::Future as _;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::time::Duration;

use common::{Counter, context_of, new_reactor, poll_once, run_on};
use raddle_io::context::enter;
use raddle_io::net::{TcpListener, TcpStream};
use raddle_io::reactor::Reactor;
use raddle_io::{Clock, Instant, sleep};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const MS: Duration = Duration::from_millis(1);
/// What lasts longer hangs.
const PATIENCE: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_secs(3600);

fn pair() -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (TcpStream::try_from(listener.accept().unwrap().0).unwrap(), peer)
}

#[test]
fn an_unpark_before_the_park_is_not_lost() {
    let reactor = new_reactor();
    for _ in 0..3 {
        reactor.unpark();
        reactor.park(None).unwrap();
    }
    let other = reactor.clone();
    let unparking = std::thread::spawn(move || other.unpark());
    reactor.park(None).unwrap();
    unparking.join().unwrap();
}

/// A turn, perhaps another thread's, fetches the unpark's event before the owner parks.
#[test]
fn an_unpark_that_a_turn_has_seen_is_not_lost() {
    let reactor = new_reactor();
    let _entered = enter(context_of(&reactor));
    let (stream, _peer) = pair();
    let (_, waker) = Counter::new();
    let mut byte = [0];
    let mut read = stream.read(&mut byte);
    assert!(Pin::new(&mut read).poll(&mut Context::from_waker(&waker)).is_pending());
    reactor.drain();
    reactor.unpark();
    reactor.turn();
    reactor.turn();
    let before = Instant::now();
    reactor.park(Some(HOUR)).unwrap();
    assert!(before.elapsed() < HOUR);
}

#[test]
fn a_park_ends_at_the_time_given() {
    let reactor = new_reactor();
    let before = Instant::now();
    assert_eq!(reactor.park(Some(5 * MS)).unwrap(), 0);
    assert!(before.elapsed() >= 5 * MS);
}

#[test]
fn a_virtual_clock_does_not_end_a_park_by_itself() {
    let reactor = Reactor::new(Clock::auto()).unwrap();
    let _entered = enter(context_of(&reactor));
    let (count, waker) = Counter::new();
    let mut pause = sleep(MS);
    assert!(Pin::new(&mut pause).poll(&mut Context::from_waker(&waker)).is_pending());
    reactor.park(Some(20 * MS)).unwrap();
    assert_eq!(count.count(), 0);
    reactor.clock().move_to(reactor.next_deadline().unwrap());
    assert_eq!((reactor.expire_timers(), count.count()), (1, 1));
}

/// While the owner is stuck outside its reactor, another thread dispatches its events and timers.
#[test]
fn another_thread_can_take_the_turn() {
    let reactor = new_reactor();
    let _entered = enter(context_of(&reactor));
    let (stream, mut peer) = pair();
    let ((read_count, read_waker), (sleep_count, sleep_waker)) = (Counter::new(), Counter::new());
    let mut byte = [0];
    let mut read = stream.read(&mut byte);
    assert!(Pin::new(&mut read).poll(&mut Context::from_waker(&read_waker)).is_pending());
    let mut pause = sleep(MS);
    assert!(Pin::new(&mut pause).poll(&mut Context::from_waker(&sleep_waker)).is_pending());
    peer.write_all(b"x").unwrap();
    let rescuer = reactor.clone();
    let rescuing = std::thread::spawn(move || {
        let mut woken = 0;
        while woken < 2 {
            woken += rescuer.drain();
        }
    });
    rescuing.join().unwrap();
    assert_eq!((read_count.count(), sleep_count.count()), (1, 1));
}

/// Far deadlines are told to an alarm and not to each park. The owner parks without a limit because it is set; so nobody
/// may hear it ring in the owner's place without turning it off.
#[test]
fn an_alarm_that_another_thread_has_heard_is_set_again() {
    let reactor = new_reactor();
    let _entered = enter(context_of(&reactor));
    let (stream, _peer) = pair();
    let (_, waker) = Counter::new();
    let mut byte = [0];
    let mut read = stream.read(&mut byte);
    assert!(Pin::new(&mut read).poll(&mut Context::from_waker(&waker)).is_pending());
    let (count, waker) = Counter::new();
    for round in 1..=3 {
        let mut pause = sleep(150 * MS);
        assert!(Pin::new(&mut pause).poll(&mut Context::from_waker(&waker)).is_pending());
        reactor.unpark();
        reactor.park(None).unwrap();
        if round == 2 {
            let (done, is_done) = mpsc::channel::<()>();
            let owner = reactor.clone();
            let waking = std::thread::spawn(move || {
                let in_time = is_done.recv_timeout(PATIENCE) != Err(mpsc::RecvTimeoutError::Timeout);
                owner.unpark();
                in_time
            });
            while count.count() < round && !waking.is_finished() {
                reactor.park(None).unwrap();
            }
            drop(done);
            assert!(waking.join().unwrap(), "nothing ended the park");
            continue;
        }
        let rescuer = reactor.clone();
        let rescuing = std::thread::spawn(move || while rescuer.drain() == 0 {});
        rescuing.join().unwrap();
        assert_eq!(count.count(), round);
    }
}

/// An alarm is for the first of many deadlines; nearer and further ones come and go.
#[test]
fn a_park_ends_at_the_next_deadline_whether_near_or_far() {
    let reactor = new_reactor();
    let _entered = enter(context_of(&reactor));
    let waits = [300, 120, 1, 250, 110, 3_600_000, 30, 5, 11];
    let counts: Vec<_> = waits
        .iter()
        .map(|millis| {
            let (count, waker) = Counter::new();
            let begun = Instant::now();
            let mut pause = Box::pin(sleep(*millis * MS));
            assert!(pause.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            reactor.unpark();
            reactor.park(None).unwrap();
            (begun + *millis * MS, count, pause)
        })
        .collect();
    while counts.iter().filter(|(_, count, _)| count.count() > 0).count() < waits.len() - 1 {
        reactor.park(None).unwrap();
        let now = Instant::now();
        assert!(counts.iter().all(|(until, count, _)| count.count() == 0 || *until <= now));
    }
}

/// A turn beside a parked owner neither waits for it nor takes its unpark away.
#[test]
fn a_turn_does_not_wait_for_a_parked_owner() {
    let reactor = new_reactor();
    let _entered = enter(context_of(&reactor));
    let (stream, _peer) = pair();
    let (_, waker) = Counter::new();
    let mut byte = [0];
    let mut read = stream.read(&mut byte);
    assert!(Pin::new(&mut read).poll(&mut Context::from_waker(&waker)).is_pending());
    let owner = reactor.clone();
    let parking = std::thread::spawn(move || owner.park(None).unwrap());
    for _ in 0..1000 {
        reactor.turn();
    }
    reactor.unpark();
    parking.join().unwrap();
}

#[test]
fn sources_come_and_go_with_their_sockets() {
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        let (stream, _peer) = pair();
        assert!(!reactor.has_sources());
        let mut byte = [0];
        assert!(poll_once(&mut stream.read(&mut byte)).await.is_pending());
        assert_eq!(reactor.source_count(), 1);
        drop(stream);
        assert_eq!(reactor.source_count(), 0);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(poll_once(&mut listener.accept()).await.is_pending());
        assert_eq!(reactor.source_count(), 1);
        drop(listener.into_std().unwrap());
        assert_eq!(reactor.source_count(), 0);
    });
}

#[test]
fn a_stream_outlives_its_reactor() {
    let (stream, mut peer) = pair();
    let mut byte = [0; 8];
    let mut read = stream.read(&mut byte);
    let (count, waker) = Counter::new();
    let mut cx = Context::from_waker(&waker);
    let old = new_reactor();
    {
        let _entered = enter(context_of(&old));
        assert!(Pin::new(&mut read).poll(&mut cx).is_pending());
        old.shut_down();
        assert_eq!((count.count(), old.source_count()), (1, 0), "it was told");
        let Poll::Ready(Err(error)) = Pin::new(&mut read).poll(&mut cx) else { panic!("it waits for nobody") };
        assert!(error.to_string().contains("has shut down"), "{error}");
    }
    let new = new_reactor();
    run_on(&new.clone(), async {
        assert!(poll_once(&mut read).await.is_pending());
        assert_eq!(new.source_count(), 1);
        peer.write_all(b"there").unwrap();
        assert_eq!(read.await.unwrap(), 5);
    });
}

#[test]
fn a_sleep_outlives_its_reactor() {
    let old = new_reactor();
    let (count, waker) = Counter::new();
    let mut long = sleep(HOUR);
    let mut short = sleep(5 * MS);
    {
        let _entered = enter(context_of(&old));
        for pause in [&mut long, &mut short] {
            assert!(Pin::new(pause).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        old.shut_down();
    }
    assert_eq!((count.count(), old.timer_count()), (2, 0), "they were told");
    let new = new_reactor();
    run_on(&new.clone(), async {
        let deadline = short.deadline().unwrap();
        (&mut short).await;
        assert!(Instant::now() >= deadline);
        assert!(poll_once(&mut long).await.is_pending());
        assert_eq!(new.timer_count(), 1);
    });
}

/// A stream on a reactor of its own, registered there, and its peer.
fn registered() -> (Arc<Reactor>, TcpStream, std::net::TcpStream) {
    let home = new_reactor();
    let (stream, peer) = pair();
    run_on(&home, async {
        assert!(poll_once(&mut stream.read(&mut [0])).await.is_pending());
    });
    assert_eq!(home.source_count(), 1);
    (home, stream, peer)
}

/// Reads a byte on this thread; where the event is to come from, it is waited for.
fn read_by_event(stream: &TcpStream, peer: &mut std::net::TcpStream, room: usize, from: &Reactor) {
    let (count, waker) = Counter::new();
    let mut buffer = vec![0; room];
    let mut read = stream.read(&mut buffer);
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut read).poll(&mut cx).is_pending());
    peer.write_all(b"x").unwrap();
    while count.count() == 0 {
        from.park(None).unwrap();
    }
    assert!(matches!(Pin::new(&mut read).poll(&mut cx), Poll::Ready(Ok(1))));
}

/// A stream whose task has moved to another worker follows it there, whether reads fill their buffers (then the next
/// attempt meets would-block) or not (then it waits without an attempt).
#[test]
fn a_stream_that_keeps_waiting_elsewhere_moves() {
    for room in [1, 100] {
        let (home, stream, mut peer) = registered();
        let elsewhere = new_reactor();
        let _entered = enter(context_of(&elsewhere));
        for _ in 0..31 {
            read_by_event(&stream, &mut peer, room, &home);
        }
        assert_eq!((home.source_count(), elsewhere.source_count()), (1, 0));
        read_by_event(&stream, &mut peer, room, &elsewhere);
        assert_eq!((home.source_count(), elsewhere.source_count()), (0, 1));
        read_by_event(&stream, &mut peer, room, &elsewhere);
    }
}

#[test]
fn a_stream_that_waits_elsewhere_now_and_then_stays() {
    let (home, stream, mut peer) = registered();
    let elsewhere = new_reactor();
    for _ in 0..3 {
        let entered = enter(context_of(&elsewhere));
        for _ in 0..31 {
            read_by_event(&stream, &mut peer, 100, &home);
        }
        drop(entered);
        let _entered = enter(context_of(&home));
        read_by_event(&stream, &mut peer, 100, &home);
    }
    assert_eq!((home.source_count(), elsewhere.source_count()), (1, 0));
}

/// So many streams on this reactor, and twenty rounds in which each of them has an event.
fn busy(reactor: &Arc<Reactor>, streams: usize) -> Vec<(TcpStream, std::net::TcpStream)> {
    allow_files(8192);
    let _entered = enter(context_of(reactor));
    let mut pairs: Vec<_> = (0..streams).map(|_| pair()).collect();
    wait_for_all(&pairs);
    for _ in 0..20 {
        pairs.iter_mut().for_each(|(_, peer)| peer.write_all(b"x").unwrap());
        let mut missing = pairs.len();
        while missing > 0 {
            reactor.turn();
            missing -= pairs.iter().map(|(stream, _)| stream.try_read(&mut [0; 9]).unwrap_or(0)).sum::<usize>();
        }
    }
    pairs
}

/// As many open files as these tests need together, where there may be fewer so far.
fn allow_files(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(wanted, |most| most.min(wanted));
    if limit.current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).unwrap();
    }
}

fn wait_for_all(pairs: &[(TcpStream, std::net::TcpStream)]) {
    let (_, waker) = Counter::new();
    for (stream, _) in pairs {
        assert!(Pin::new(&mut stream.read(&mut [0])).poll(&mut Context::from_waker(&waker)).is_pending());
    }
}

/// One worker has all the events, and another begins to serve its streams: those move at once.
#[test]
fn a_stream_leaves_a_reactor_with_far_more_events_at_once() {
    let (home, elsewhere) = (new_reactor(), new_reactor());
    let mut pairs = busy(&home, 600);
    let _elsewhere = enter(context_of(&elsewhere));
    wait_for_all(&pairs[..10]);
    assert_eq!((home.source_count(), elsewhere.source_count()), (590, 10));
    for (stream, peer) in &mut pairs[..10] {
        read_by_event(stream, peer, 9, &elsewhere);
    }
}

#[test]
fn a_stream_stays_if_there_is_as_much_to_do_elsewhere() {
    let (home, elsewhere) = (new_reactor(), new_reactor());
    let (pairs, _others) = (busy(&home, 600), busy(&elsewhere, 600));
    let _elsewhere = enter(context_of(&elsewhere));
    wait_for_all(&pairs[..10]);
    assert_eq!((home.source_count(), elsewhere.source_count()), (600, 600));
}

#[test]
fn a_stream_stays_where_there_are_few() {
    let (home, elsewhere) = (new_reactor(), new_reactor());
    let pairs = busy(&home, 400);
    let _elsewhere = enter(context_of(&elsewhere));
    wait_for_all(&pairs[..10]);
    assert_eq!((home.source_count(), elsewhere.source_count()), (400, 0));
}

/// Threads register and deregister while the owner parks, and the reactor ends in the middle of it.
#[test]
fn shutting_down_under_load_leaves_nothing_behind() {
    let reactor = new_reactor();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let reactor = reactor.clone();
            std::thread::spawn(move || {
                let _entered = enter(context_of(&reactor));
                let (stream, _peer) = pair();
                loop {
                    let (count, waker) = Counter::new();
                    let mut byte = [0];
                    let mut read = stream.read(&mut byte);
                    match Pin::new(&mut read).poll(&mut Context::from_waker(&waker)) {
                        Poll::Pending => drop(read),
                        Poll::Ready(Err(_shut_down)) => break,
                        Poll::Ready(Ok(_)) => unreachable!("nobody writes"),
                    }
                    let (stream, _peer) = pair();
                    let _ = Pin::new(&mut stream.read(&mut byte)).poll(&mut Context::from_waker(&waker));
                    assert_eq!(Arc::strong_count(&count), 2);
                }
            })
        })
        .collect();
    for _ in 0..50 {
        reactor.park(Some(MS)).unwrap();
    }
    reactor.shut_down();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(reactor.source_count(), 0);
}

/// What may cross threads, and what a task may hold across an await.
#[test]
fn promises_of_send_and_sync() {
    fn shared<T: Send + Sync>() {}
    shared::<Reactor>();
    shared::<TcpStream>();
    shared::<TcpListener>();
    shared::<raddle_io::Sleep>();
    shared::<raddle_io::Interval>();
    shared::<raddle_io::TimeoutError>();
    shared::<raddle_io::net::OwnedReadHalf>();
    shared::<raddle_io::net::OwnedWriteHalf>();
    shared::<raddle_io::net::Read<'_>>();
    shared::<raddle_io::net::Write<'_>>();
    shared::<raddle_io::net::Accept<'_>>();
    fn sent<T: Send>() {}
    sent::<raddle_io::net::Connect>();
    sent::<raddle_io::net::Bind>();
}
