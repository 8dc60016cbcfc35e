//! Which of the occasions that fit a rule it takes.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// How many occasions are let by first, how many are taken, and how likely each is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Selection {
    pub skip: u64,
    pub times: Option<u64>,
    /// From 0 to 1.
    pub probability: f64,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            skip: 0,
            times: None,
            probability: 1.0,
        }
    }
}

impl Selection {
    /// Only the occasion of this number, counted from 1.
    pub fn nth(number: u64) -> Self {
        Self {
            skip: number.saturating_sub(1),
            times: Some(1),
            ..Self::default()
        }
    }

    /// Whether the occasion is taken before which there were `seen`, of which `taken` were taken.
    pub fn takes(&self, seen: u64, taken: u64, rng: &mut ChaCha8Rng) -> bool {
        let is_its_turn = seen >= self.skip && self.times.is_none_or(|times| taken < times);
        is_its_turn && rng.random_bool(self.probability.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(selection: Selection, occasions: u64) -> Vec<u64> {
        let mut rng = crate::core::stream(7, "selection");
        let mut taken = Vec::new();
        for occasion in 0..occasions {
            if selection.takes(occasion, taken.len() as u64, &mut rng) {
                taken.push(occasion);
            }
        }
        taken
    }

    #[test]
    fn occasions_are_skipped_and_limited() {
        let all = Selection::default();
        assert_eq!(taken(all, 3), [0, 1, 2]);
        assert_eq!(taken(Selection { skip: 2, ..all }, 4), [2, 3]);
        let third = Selection {
            skip: 2,
            times: Some(1),
            ..all
        };
        assert_eq!(taken(third, 5), [2]);
        assert!(
            taken(
                Selection {
                    times: Some(0),
                    ..all
                },
                5
            )
            .is_empty()
        );
    }

    #[test]
    fn chance_comes_from_the_seed() {
        let rarely = Selection {
            probability: 0.1,
            ..Selection::default()
        };
        let first = taken(rarely, 1000);
        assert_eq!(first, taken(rarely, 1000));
        assert!((50..200).contains(&first.len()), "{}", first.len());
        let never = Selection {
            probability: 0.0,
            ..rarely
        };
        assert!(taken(never, 1000).is_empty());
    }
}
