//! The queue of timers against a list that is sorted each time.

use std::time::Duration;

use proptest::prelude::*;

use crate::core::timers::{Timer, TimerKey, Timers};
use crate::core::{ServerId, Time};

fn at(millis: u64) -> Time {
    Time::default() + Duration::from_millis(millis)
}

#[derive(Clone, Debug)]
enum Op {
    Set(u64),
    /// Cancels what was set at this place, whether or not it is still there.
    Cancel(usize),
    Fire(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..50_u64).prop_map(Op::Set),
        1 => any::<usize>().prop_map(Op::Cancel),
        2 => (0..50_u64).prop_map(Op::Fire),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn timers_fire_in_order_of_time_and_then_of_setting(ops in proptest::collection::vec(op(), 0..100)) {
        let mut timers = Timers::default();
        let mut keys: Vec<(TimerKey, u64)> = Vec::new();
        let mut model: Vec<(Time, u64)> = Vec::new();
        for op in ops {
            match op {
                Op::Set(millis) => {
                    let tag = keys.len() as u64;
                    keys.push((timers.set(at(millis), Timer::Service(ServerId(0), tag)), tag));
                    model.push((at(millis), tag));
                }
                Op::Cancel(index) if !keys.is_empty() => {
                    let (key, tag) = keys[index % keys.len()];
                    timers.cancel(key);
                    model.retain(|(_, other)| *other != tag);
                }
                Op::Cancel(_) => {}
                Op::Fire(millis) => {
                    model.sort_unstable();
                    while let Some((due, timer)) = timers.pop_due(at(millis)) {
                        prop_assert!(due <= at(millis));
                        let (expected, tag) = model.remove(0);
                        prop_assert_eq!((due, timer), (expected, Timer::Service(ServerId(0), tag)));
                    }
                }
            }
            prop_assert_eq!(timers.next_deadline(), model.iter().map(|(due, _)| *due).min());
        }
    }
}
