//! Plans: faults and the seed of the deployment that they befall.

use std::fmt;
use std::str::FromStr;

use crate::incidents::{Fault, FaultError};

/// Faults that befall a deployment together, and its seed: all it takes to see something again.
///
/// ```
/// use nats_mock::sweep::Plan;
///
/// let plan: Plan = "seed 7; VARZ from east-1: silence; server east-2: crash".parse()?;
/// assert_eq!(plan.faults.len(), 2);
/// assert_eq!(plan.to_string(), "seed 7; VARZ from east-1: silence; server east-2: crash");
/// # Ok::<(), nats_mock::sweep::PlanError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The seed; `None` is whatever the deployment has.
    pub seed: Option<u64>,
    /// The faults.
    pub faults: Vec<Fault>,
}

/// A text that is no [`Plan`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The seed is not a number.
    #[error("{text:?} is no seed")]
    Seed {
        /// What stands in its place.
        text: String,
    },
    /// One of the faults is none.
    #[error(transparent)]
    Fault(#[from] FaultError),
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(seed) = self.seed {
            write!(f, "seed {seed}")?;
            separator = "; ";
        }
        for fault in &self.faults {
            write!(f, "{separator}{fault}")?;
            separator = "; ";
        }
        Ok(())
    }
}

impl FromStr for Plan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let Some(rest) = text.strip_prefix("seed ") else {
            let faults = Fault::all_of(text)?;
            return Ok(Self { seed: None, faults });
        };
        let (seed, faults) = rest.split_once(';').unwrap_or((rest, ""));
        let seed = seed.trim();
        let number = seed.parse().map_err(|_| PlanError::Seed {
            text: seed.to_owned(),
        })?;
        Ok(Self {
            seed: Some(number),
            faults: Fault::all_of(faults)?,
        })
    }
}
