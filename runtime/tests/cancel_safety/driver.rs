//! Two competitors for one thing, dropped at every poll, in every order.
//!
//! A [`Leaf`] says what the operation is, what is supplied to it, and what must be true in the end. [`every_drop`] runs
//! all schedules there are: each competitor is polled 0 to 3 times and then dropped or left alone, and what they wait
//! for is supplied at each place in between; once with one waker and once with a new one at each poll. After that the
//! driver plays a fair executor: who was woken is polled, until all is quiet. Then it checks by itself that
//!
//! * **nobody is forgotten**: who was not woken since its last poll still has to wait;
//!
//! and the leaf checks, when all outputs have been given back and all futures are gone, that
//!
//! * **nothing is lost**: what was supplied is with somebody, or back where it came from.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::sync_by_hand::{Hand, hand};

/// Polls of one competitor before the executor takes over. No leaf needs more than three to be ready.
const POLLS: usize = 3;

pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// An operation that tasks await, with the smallest world around it.
pub(crate) trait Leaf {
    /// The primitive, and what counts the things that must not be lost.
    type House: 'static;
    /// What the operation gives.
    type Output<'a>;

    const COMPETITORS: usize = 2;
    /// So often `supply` is called in each schedule.
    const SUPPLIES: usize = 1;

    fn house() -> Self::House;

    /// The future of one competitor, not polled yet.
    fn start(house: &Self::House, competitor: usize) -> Boxed<'_, Self::Output<'_>>;

    /// Does what lets one competitor go on, or both.
    fn supply(house: &Self::House, nth: usize);

    /// Counts an output and gives it back. By default it is only dropped.
    fn absorb(_house: &Self::House, output: Self::Output<'_>) {
        drop(output);
    }

    /// Nobody is there any more: is all as it should be?
    fn check(house: &Self::House, end: &End);
}

/// What became of the competitors.
#[derive(Debug, Default)]
pub(crate) struct End {
    pub(crate) done: [bool; 2],
    pub(crate) dropped: [bool; 2],
    /// Not dropped, polled by the executor, and still waiting when there was nothing left to do.
    pub(crate) waiting: [bool; 2],
    /// For each supply, who had been polled and was waiting just before it.
    pub(crate) waiting_at: Vec<[bool; 2]>,
}

impl End {
    pub(crate) fn done(&self) -> usize {
        count(self.done)
    }

    pub(crate) fn waiting(&self) -> usize {
        count(self.waiting)
    }

    /// How many waited when the `nth` supply came, and were not dropped after it.
    pub(crate) fn stayed_since(&self, nth: usize) -> usize {
        count([0, 1].map(|who| self.waiting_at[nth][who] && !self.dropped[who]))
    }
}

fn count(flags: [bool; 2]) -> usize {
    flags.into_iter().filter(|flag| *flag).count()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Poll(usize),
    Drop(usize),
    Supply,
}

/// Runs all schedules of a leaf.
pub(crate) fn every_drop<L: Leaf>() {
    let mut search = Search { schedule: Vec::new(), polls: [0; 2], dropped: [false; 2], supplies: 0, runs: 0 };
    search.descend::<L>();
    println!("{}: {} schedules", std::any::type_name::<L>(), search.runs);
}

/// The schedule so far, and what it contains.
struct Search {
    schedule: Vec<Step>,
    polls: [usize; 2],
    dropped: [bool; 2],
    supplies: usize,
    runs: usize,
}

impl Search {
    fn descend<L: Leaf>(&mut self) {
        if self.supplies == L::SUPPLIES && !self.run::<L>() {
            return; // its last step did nothing: what comes after it is another schedule's
        }
        for who in 0..L::COMPETITORS {
            if !self.dropped[who] && self.polls[who] < POLLS {
                self.polls[who] += 1;
                self.with::<L>(Step::Poll(who));
                self.polls[who] -= 1;
            }
            if !self.dropped[who] {
                self.dropped[who] = true;
                self.with::<L>(Step::Drop(who));
                self.dropped[who] = false;
            }
        }
        if self.supplies < L::SUPPLIES {
            self.supplies += 1;
            self.with::<L>(Step::Supply);
            self.supplies -= 1;
        }
    }

    fn with<L: Leaf>(&mut self, step: Step) {
        self.schedule.push(step);
        self.descend::<L>();
        self.schedule.pop();
    }

    fn run<L: Leaf>(&mut self) -> bool {
        let _told = TellIfPanicking(&self.schedule);
        let each_step_counted = run::<L>(&self.schedule, false) && run::<L>(&self.schedule, true);
        self.runs += usize::from(each_step_counted);
        each_step_counted
    }
}

/// `false`: a step of the schedule had nothing to do, since its competitor had its output already.
fn run<L: Leaf>(schedule: &[Step], new_wakers: bool) -> bool {
    let house = L::house();
    let mut end = End::default();
    let mut competitors: Vec<_> = (0..L::COMPETITORS).map(|who| Competitor::new(L::start(&house, who))).collect();
    let mut supplied = 0;
    let mut each_step_counted = true;
    for step in schedule {
        match *step {
            Step::Poll(who) if competitors[who].is_there() => competitors[who].poll(new_wakers),
            Step::Drop(who) if competitors[who].is_there() => {
                competitors[who].let_go();
                end.dropped[who] = true;
            }
            Step::Supply => {
                let waiting = |who: usize| competitors.get(who).is_some_and(Competitor::is_waiting);
                end.waiting_at.push([waiting(0), waiting(1)]);
                L::supply(&house, supplied);
                supplied += 1;
            }
            Step::Poll(_) | Step::Drop(_) => each_step_counted = false,
        }
    }
    loop {
        settle(&mut competitors);
        // Giving one output back may let the other competitor go on.
        let Some(who) = competitors.iter().position(|competitor| competitor.output.is_some()) else { break };
        end.done[who] = true;
        L::absorb(&house, competitors[who].output.take().expect("an output was found"));
    }
    for (who, competitor) in competitors.iter().enumerate() {
        end.waiting[who] = competitor.is_there();
    }
    drop(competitors);
    L::check(&house, &end);
    each_step_counted
}

/// Polls who was woken until nobody is, and sees to it that the others have to wait still.
fn settle<O>(competitors: &mut [Competitor<'_, O>]) {
    while let Some(woken) = competitors.iter_mut().find(|competitor| competitor.is_woken()) {
        woken.poll(false);
    }
    for (who, competitor) in competitors.iter_mut().enumerate() {
        if competitor.is_there() {
            competitor.poll(false);
            assert!(competitor.output.is_none(), "competitor {who} can go on, and nobody has woken it");
        }
    }
}

struct Competitor<'a, O> {
    /// There until it is done or dropped.
    hand: Option<Hand<Boxed<'a, O>>>,
    /// The count of its wakes when it was polled last; none: it has not been polled, and a task is polled once unasked.
    wakes_seen: Option<usize>,
    output: Option<O>,
}

impl<'a, O> Competitor<'a, O> {
    fn new(future: Boxed<'a, O>) -> Competitor<'a, O> {
        Competitor { hand: Some(hand(future)), wakes_seen: None, output: None }
    }

    fn is_there(&self) -> bool {
        self.hand.is_some()
    }

    fn is_waiting(&self) -> bool {
        self.is_there() && self.wakes_seen.is_some()
    }

    fn is_woken(&self) -> bool {
        self.hand.as_ref().is_some_and(|hand| self.wakes_seen.is_none_or(|seen| hand.wakes() > seen))
    }

    fn poll(&mut self, new_waker: bool) {
        let hand = self.hand.as_mut().expect("a competitor that is there");
        self.wakes_seen = Some(if new_waker { 0 } else { hand.wakes() });
        let poll = if new_waker { hand.poll_elsewhere() } else { hand.poll() };
        if let std::task::Poll::Ready(output) = poll {
            self.output = Some(output);
            self.let_go();
        }
    }

    fn let_go(&mut self) {
        self.hand = None;
    }
}

/// Names the schedule that a check failed on.
struct TellIfPanicking<'a>(&'a [Step]);

impl Drop for TellIfPanicking<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the schedule that failed: {:?}", self.0);
        }
    }
}

/// Panics unless the text of a primitive says that nobody waits.
#[track_caller]
pub(crate) fn assert_nobody_waits(primitive: &impl fmt::Debug) {
    let text = format!("{primitive:?}");
    assert!(text.contains("waiters: 0"), "{text}");
}
