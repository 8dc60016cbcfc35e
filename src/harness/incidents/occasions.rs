//! Which of the occasions that fit a fault it takes, in words.

use std::fmt;

use super::words::{Missing, Rest};
use crate::faults::Selection;

/// A choice among occasions as it stands in the text of a fault, with a blank in front: nothing if each is
/// taken.
pub(super) struct Occasions(pub Selection);

impl fmt::Display for Occasions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Selection {
            skip,
            times,
            probability,
        } = self.0;
        match times {
            Some(1) => write!(f, " nth {}", skip.saturating_add(1))?,
            Some(times) => write!(f, " times {times}")?,
            None => {}
        }
        if probability < 1.0 {
            write!(f, " with probability {probability}")?;
        }
        Ok(())
    }
}

impl<'a> Rest<'a> {
    /// Which of the occasions are taken: each, unless something else comes next.
    pub fn occasions(&mut self) -> Result<Selection, Missing<'a>> {
        let selection = match self.behind("nth", Self::size)? {
            Some(number) => Selection::nth(number),
            None => Selection {
                times: self.behind("times", Self::size)?,
                ..Selection::default()
            },
        };
        let probability = self.behind("with probability", Self::probability)?;
        Ok(Selection {
            probability: probability.unwrap_or(1.0),
            ..selection
        })
    }

    fn probability(&mut self) -> Result<f64, Missing<'a>> {
        let mut rest = *self;
        let number = rest.number().filter(|it| (0.0..=1.0).contains(it));
        let probability = number.ok_or(("a number from 0 to 1", *self))?;
        *self = rest;
        Ok(probability)
    }
}
