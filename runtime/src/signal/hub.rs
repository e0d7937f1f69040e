//! From the signal handler to whoever listens.
//!
//! A handler may do next to nothing: it marks its signal and writes a byte into a socket. The thread `raddle-signal`
//! reads that, takes the marks, and calls the listeners. Feared: a signal between the taking of a mark and the next
//! read. It marks again and writes again, so the thread comes round once more; a byte too many costs one round.
//!
//! Listeners are of two kinds: a program's own, and a [`Runner`](crate::Runner)'s, which stands in for the default
//! action of Ctrl-C. As in asyncio, the former replace the latter.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;

use super::default_action::raise_default;
use super::number::{NUMBERS, Signal};
use crate::scheduler::report::{ExceptionContext, catch, forget_payload, report};
use crate::shim::atomic::{AtomicBool, Ordering};
use crate::shim::{Arc, Mutex};

type Callback = Arc<dyn Fn() + Send + Sync>;

static HUB: OnceLock<Hub> = OnceLock::new();

struct Hub {
    /// The handlers' end; never blocks.
    bell: UnixStream,
    marks: [AtomicBool; NUMBERS],
    listeners: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    numbered: u64,
    list: Vec<Listener>,
    /// Signals whose handler is there.
    handled: Vec<Signal>,
}

#[derive(Clone)]
struct Listener {
    number: u64,
    signal: Signal,
    stands_in: bool,
    callback: Callback,
}

/// Ends the listening when it is dropped; a call that is under way goes on.
pub(crate) struct Guard(u64);

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(hub) = HUB.get() else { return };
        let mut listeners = hub.listeners.lock();
        let place = listeners.list.iter().position(|listener| listener.number == self.0);
        let left = place.map(|place| listeners.list.remove(place));
        drop(listeners);
        drop(left);
    }
}

/// Calls `callback`, on a thread of its own, for each time that the signal is seen. One that stands in for the default
/// action is called only while nobody else listens.
pub(crate) fn on_signal(signal: Signal, stands_in: bool, callback: Callback) -> std::io::Result<Guard> {
    let hub = hub()?;
    let mut listeners = hub.listeners.lock();
    if !listeners.handled.contains(&signal) {
        install(signal)?;
        listeners.handled.push(signal);
    }
    listeners.numbered += 1;
    let number = listeners.numbered;
    listeners.list.push(Listener { number, signal, stands_in, callback });
    Ok(Guard(number))
}

/// Whether the signal would do what it does by default, or what a runner does in its place.
pub(crate) fn is_free(signal: Signal) -> bool {
    let Some(hub) = HUB.get() else { return super::is_default(signal) };
    let listeners = hub.listeners.lock();
    let ours = listeners.handled.contains(&signal);
    let replaced = listeners.list.iter().any(|listener| listener.signal == signal && !listener.stands_in);
    drop(listeners);
    !replaced && (ours || super::is_default(signal))
}

fn hub() -> std::io::Result<&'static Hub> {
    if let Some(hub) = HUB.get() {
        return Ok(hub);
    }
    let (bell, ear) = UnixStream::pair()?;
    bell.set_nonblocking(true)?;
    let hub = Hub { bell, marks: [const { AtomicBool::new(false) }; NUMBERS], listeners: Mutex::default() };
    if HUB.set(hub).is_ok() {
        std::thread::Builder::new().name("raddle-signal".to_owned()).spawn(move || deliver(ear))?;
    }
    Ok(HUB.get().expect("set above, by this thread or another"))
}

#[allow(unsafe_code)]
fn install(signal: Signal) -> std::io::Result<()> {
    let Some(hub) = HUB.get() else { unreachable!("installed by way of the hub") };
    let handler = move || {
        // Release: pairs with the Acquire of `deliver`; the byte wakes it.
        hub.marks[signal.as_raw() as usize].store(true, Ordering::Release);
        // A full socket will be read in any case.
        let _ = (&hub.bell).write(&[1]);
    };
    // SAFETY: the handler stores an atomic and writes to a descriptor that is never closed: both may be done in a
    // signal handler, and neither panics.
    unsafe { signal_hook_registry::register(signal.as_raw(), handler) }.map(drop)
}

fn deliver(mut ear: UnixStream) {
    let Some(hub) = HUB.get() else { unreachable!("set before this thread was started") };
    let mut bytes = [0; 64];
    loop {
        match ear.read(&mut bytes) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        }
        for (number, mark) in (0i32..).zip(&hub.marks) {
            // Acquire: pairs with the handler's Release.
            if mark.swap(false, Ordering::Acquire) {
                hub.tell(Signal::from_raw(number));
            }
        }
    }
}

impl Hub {
    fn tell(&self, signal: Signal) {
        let listeners = self.listeners.lock();
        let all: Vec<Listener> = listeners.list.iter().filter(|listener| listener.signal == signal).cloned().collect();
        drop(listeners);
        let replaced = all.iter().any(|listener| !listener.stands_in);
        if all.is_empty() {
            return raise_default(signal);
        }
        for listener in all.iter().filter(|listener| !(replaced && listener.stands_in)) {
            if let Err(panic) = catch(|| (listener.callback)()) {
                let text = format!("whoever listens to {signal} panicked");
                report(None, &ExceptionContext::new(text).with_panic(panic.message()));
                forget_payload(panic.into_payload());
            }
        }
    }
}
