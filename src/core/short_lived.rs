//! Subjects that matter for a while, each with what is known of it.

use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::time::Time;

/// What most connections have none of.
#[derive(Debug)]
pub(super) struct ShortLived<T>(Option<Box<Subjects<T>>>);

#[derive(Debug)]
struct Subjects<T> {
    until: HashMap<Box<[u8]>, (Time, T), FixedState>,
    /// How many there may be before those that are too old are looked for.
    swept_at: usize,
}

/// So many are kept without a look at their age.
const FEW: usize = 64;

/// No more are kept, though time may stand still: the count of an answer is not worth the memory.
const MOST: usize = 1 << 16;

impl<T> Default for ShortLived<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> ShortLived<T> {
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Keeps a subject from now on.
    pub fn keep(&mut self, subject: &[u8], now: Time, how_long: Duration, known: T) {
        let Subjects { until, swept_at } = &mut **self.0.get_or_insert_with(|| {
            Box::new(Subjects {
                until: HashMap::default(),
                swept_at: 0,
            })
        });
        if until.len() >= *swept_at {
            until.retain(|_, (until, _)| *until > now);
            if until.len() >= MOST {
                until.clear();
            }
            *swept_at = FEW.max(2 * until.len());
        }
        until.insert(subject.into(), (now + how_long, known));
    }

    pub fn get(&self, subject: &[u8], now: Time) -> Option<&T> {
        let (until, known) = self.0.as_ref()?.until.get(subject)?;
        (*until > now).then_some(known)
    }

    pub fn take(&mut self, subject: &[u8], now: Time) -> Option<T> {
        let (until, known) = self.0.as_mut()?.until.remove(subject)?;
        (until > now).then_some(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::default() + Duration::from_secs(seconds)
    }

    #[test]
    fn subjects_are_forgotten() {
        let mut kept = ShortLived::default();
        assert!(kept.is_empty());
        kept.keep(b"a", at(1), Duration::from_secs(2), 'a');
        assert_eq!(kept.get(b"a", at(2)), Some(&'a'));
        assert_eq!(kept.get(b"a", at(3)), None);
        assert_eq!(kept.take(b"a", at(2)), Some('a'));
        assert_eq!(kept.take(b"a", at(2)), None);
        assert_eq!(kept.get(b"b", at(2)), None);
    }

    #[test]
    fn there_are_never_too_many() {
        let mut kept = ShortLived::default();
        for n in 0..3 * MOST {
            let subject = n.to_string();
            kept.keep(subject.as_bytes(), at(1), Duration::from_secs(2), ());
        }
        let held = kept.0.map_or(0, |subjects| subjects.until.len());
        assert!(held <= 2 * MOST, "{held}");
    }
}
