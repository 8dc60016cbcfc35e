//! What servers have others get, and time that waits for it.

use super::hub::{Hub, State};
use crate::core::Time;

/// What became of orders to fetch something.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Placed {
    pub was_answered: bool,
    /// The answer to one of them will come later.
    pub is_far_away: bool,
}

impl Hub {
    /// Has JWTs fetched that servers have asked for.
    pub(super) fn place_orders(&self, state: &mut State) -> Placed {
        let mut placed = Placed::default();
        loop {
            let orders = state.deployment.take_fetch_orders();
            if orders.is_empty() {
                return placed;
            }
            for order in orders {
                match order.from.answer(&order.account) {
                    Some(answer) => {
                        let now = state.deployment.core().now();
                        state.deployment.fetched(now, order.id, answer);
                        placed.was_answered = true;
                    }
                    None => {
                        self.fetcher.place(order);
                        placed.is_far_away = true;
                    }
                }
            }
        }
    }

    /// Moves a manual clock to `time`, firing everything due on the way in order.
    pub fn advance_to(&self, time: Time) {
        self.input(|state, now| state.deployment.note_clock(time - now));
        loop {
            self.await_answers(time);
            let is_there = self.input(|state, _| {
                while let Some(due) = state.deployment.next_deadline().filter(|due| *due <= time) {
                    self.clock.move_to(due);
                    state.deployment.advance(due);
                    if self.place_orders(state).is_far_away {
                        return false;
                    }
                }
                self.clock.move_to(time);
                state.deployment.advance(time);
                true
            });
            if is_there {
                return;
            }
        }
    }

    /// Time does not run out for what is on its way, if it is moved by hand.
    fn await_answers(&self, time: Time) {
        let runs_out = || {
            let due = self.look(|deployment| deployment.core().next_fetch_deadline());
            due.is_some_and(|due| due <= time)
        };
        while self.fetcher.open() > 0 && runs_out() {
            self.fetcher.await_answer();
        }
    }
}
