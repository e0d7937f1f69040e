//! Many clients of one kind at a time, and what they cost.

use std::fmt;
use std::iter;
use std::slice;
use std::thread;
use std::time::Duration;

use super::attack::{Attack, Attacker};
use super::good::Good;
use super::products::Product;
use super::target::{Counts, Target};
use super::wire::{End, Wire};

/// What a slow client may cost.
pub(crate) const ALLOWED: usize = 64 * 1024;

/// … and over TLS for a moment what each of the server's two workers deciphers a record with, however many clients there
/// are.
const DECIPHERING: usize = 2 * (32 + 16) * 1024;

/// … and over HTTP/2 what a client may send before the server has a say in it.
const WINDOW: usize = 65_535;

/// So many looks in a row show the same before it counts as settled.
const STILL: usize = 4;
/// A server that takes whatever is said to it will take more after each.
const MOST_LOOKS: usize = 200;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// A server, a client that is to be served, and the attackers.
pub(crate) struct Siege {
    product: Product,
    /// Ends before the server does.
    good: Good,
    target: Target,
    calm: Counts,
}

/// What the clients of an assault cost together, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    /// At the end, by the allocator's count, above what there was when the server was calm.
    hanging: usize,
    /// The most that it was.
    peak: usize,
    /// What the process has grown by, as the kernel sees it: all that it has, but freed memory may be used again.
    resident: usize,
    clients: usize,
}

impl Cost {
    /// Whether it is more than an attack's clients may cost.
    pub(crate) fn is_too_much(&self, attack: &Attack) -> bool {
        let window = if attack.fills_window { WINDOW } else { 0 };
        let allowed = (ALLOWED * attack.asks + window) * self.clients;
        let deciphering = if attack.tls.is_some() { DECIPHERING } else { 0 };
        let shared = attack.shared.unwrap_or(0) + deciphering;
        self.hanging > allowed || self.peak.max(self.resident) > allowed + shared
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = |bytes: usize| bytes as f64 / self.clients as f64 / 1024.0;
        let (hanging, peak, resident) = (each(self.hanging), each(self.peak), each(self.resident));
        write!(f, "{hanging:.1} KiB each, {peak:.1} at the peak, {resident:.1} resident")
    }
}

impl Siege {
    /// With the good client served, and all that is made once made.
    pub(crate) fn begin(product: Product) -> Siege {
        let mut target = Target::start(product);
        let good = Good::start(product, target.address);
        good.is_served();
        let calm = target.counts();
        Siege { product, good, target, calm }
    }

    /// What the server holds while nobody wants anything. Assaults are measured against the latest such count.
    pub(crate) fn calm(&mut self) -> Counts {
        let resting = self.good.rest();
        self.calm = hang(&mut self.target, &mut [], None, MOST_LOOKS);
        drop(resting);
        self.calm
    }

    /// Attacks with so many clients of a kind until they have done their worst, ends them in all ways, and waits until
    /// nothing is left of them.
    pub(crate) fn suffer(&mut self, attack: &Attack, count: usize) -> Cost {
        self.assault(slice::from_ref(attack), count, MOST_LOOKS)
    }

    /// The same with all kinds at once, for a moment.
    pub(crate) fn suffer_all(&mut self, attacks: &[Attack], count: usize) {
        self.assault(attacks, count, STILL);
    }

    fn assault(&mut self, attacks: &[Attack], count: usize, looks: usize) -> Cost {
        let (address, start) = (self.target.address, self.target.counts());
        let mut attackers: Vec<Attacker<'_>> = attacks
            .iter()
            .flat_map(|attack| iter::repeat_n(attack, count))
            .map(|attack| Attacker::begin(attack, address).unwrap_or_else(|error| panic!("{}: {error}", attack.name)))
            .collect();
        let clients = attackers.len();
        let mut hanging = hang(&mut self.target, &mut attackers, Some(&self.good), looks);
        let mut peak = hanging.peak;
        self.good.is_served();
        let name = attacks[0].name;
        if attacks.iter().all(|attack| attack.shared.is_some()) {
            hanging = self.until_calm(name);
        }
        peak = peak.max(self.target.counts().peak);
        let mut half_closed: Vec<Wire> = Vec::new();
        for (n, attacker) in attackers.into_iter().enumerate() {
            let end = [End::Reset, End::HalfClose, End::Close][n % 3];
            half_closed.extend(attacker.wire.end(end));
        }
        self.good.is_served();
        if attacks.iter().all(|attack| !attack.is_owed) {
            // Nothing is owed to those who write no more.
            self.until_calm(name);
        }
        drop(half_closed);
        self.until_calm(name);
        let calm = self.calm;
        Cost {
            hanging: hanging.allocated.saturating_sub(calm.allocated),
            peak: peak.saturating_sub(calm.allocated),
            resident: hanging.resident.saturating_sub(start.resident),
            clients,
        }
    }

    /// Tasks and sockets are as many as they were.
    fn until_calm(&mut self, after: &str) -> Counts {
        let calm = self.calm;
        let what = format!("{:?}: {} tasks, {} sockets after `{after}`", self.product, calm.tasks, calm.sockets);
        let counts = self.target.until(&what, |now| now.tasks <= calm.tasks && now.sockets <= calm.sockets);
        assert_eq!(counts.panics, 0, "{:?}: panics during `{after}`", self.product);
        counts
    }
}

/// Lets the attackers go on until that changes nothing any more, or for so many looks. A server that is busy changes
/// nothing either: the good client's turns tell that those who came before had theirs.
fn hang(target: &mut Target, attackers: &mut [Attacker<'_>], mut good: Option<&Good>, looks: usize) -> Counts {
    let (mut still, mut peak, mut last) = (0, 0, target.counts());
    for _ in 0..looks {
        let taken: usize = attackers.iter_mut().map(Attacker::go_on).sum();
        thread::sleep(BETWEEN_LOOKS);
        let now = target.counts();
        peak = peak.max(now.peak);
        let is_still = taken <= attackers.len() && now.tasks == last.tasks && now.allocated <= last.allocated;
        still = if is_still { still + 1 } else { 0 };
        last = now;
        if still == STILL {
            let Some(good) = good.take() else { break };
            good.is_served();
            still = 0;
        }
    }
    Counts { peak, ..last }
}
