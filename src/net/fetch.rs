//! Getting the JWTs of accounts from a web server, for servers whose resolver asks one.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError, Weak};
use std::thread;

use super::http;
use super::hub::{Hub, locked};
use crate::core::FetchOrder;

/// So many answers are awaited at the same time; more orders wait, while servers lose patience. They are many, since one
/// account that is not answered for must not keep others from being looked up.
const MOST_WORKERS: usize = 1024;

/// Threads that ask web servers. There are none while there is nothing to ask.
#[derive(Debug)]
pub(crate) struct Fetcher {
    hub: Weak<Hub>,
    work: Mutex<Work>,
    /// Told when an answer was handed over.
    answered: Condvar,
}

#[derive(Debug, Default)]
struct Work {
    orders: VecDeque<FetchOrder>,
    workers: usize,
    /// Orders whose answers are not handed over yet.
    open: usize,
}

impl Fetcher {
    /// Answers go to this hub.
    pub fn new(hub: Weak<Hub>) -> Self {
        Self {
            hub,
            work: Mutex::default(),
            answered: Condvar::new(),
        }
    }

    /// Sees to it that something is got.
    pub fn place(&self, order: FetchOrder) {
        let mut work = locked(&self.work);
        work.orders.push_back(order);
        work.open += 1;
        if work.workers >= MOST_WORKERS {
            return;
        }
        let hub = self.hub.clone();
        let worker = thread::Builder::new()
            .name("nats-mock fetch".to_owned())
            .spawn(move || work_off(&hub));
        // Without a thread, servers wait until they lose patience.
        work.workers += usize::from(worker.is_ok());
        if worker.is_err() && work.workers == 0 {
            work.orders.clear();
            work.open = 0;
        }
    }

    /// How many answers are on their way.
    pub fn open(&self) -> usize {
        locked(&self.work).open
    }

    /// Waits until an answer was handed over, unless none is on its way.
    pub fn await_answer(&self) {
        let work = locked(&self.work);
        let before = work.open;
        let waited = self
            .answered
            .wait_while(work, |work| work.open > 0 && work.open >= before);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn next(&self) -> Option<FetchOrder> {
        let mut work = locked(&self.work);
        let next = work.orders.pop_front();
        work.workers -= usize::from(next.is_none());
        next
    }
}

/// Gets what was ordered, one after the other, as long as there is a deployment that waits for it.
fn work_off(hub: &Weak<Hub>) {
    loop {
        let order = hub.upgrade().and_then(|hub| hub.fetcher.next());
        let Some(order) = order else { return };
        // Who asks again and again and does not wait is not to make others wait.
        let is_awaited = hub
            .upgrade()
            .is_some_and(|hub| hub.look(|deployment| deployment.core().awaits(order.id)));
        let answer = is_awaited.then(|| http::get(&order.from, &order.account));
        let Some(hub) = hub.upgrade() else { return };
        if let Some(answer) = answer {
            hub.input(|state, now| state.deployment.fetched(now, order.id, answer));
        }
        locked(&hub.fetcher.work).open -= 1;
        hub.fetcher.answered.notify_all();
    }
}
