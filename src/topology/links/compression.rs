//! How a link is compressed.

use std::time::Duration;

use nats_mock_protocol::conf::{duration, fold};

use crate::topology::options::words::quote;

/// Between uncompressed and fast, between fast and better, between better and best.
const DEFAULT_RTT_THRESHOLDS: [Duration; 3] = [
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(100),
];

/// Uncompressed, fast, better and best.
const MAX_RTT_THRESHOLDS: usize = 4;

/// The `compression` of a block, as written: a server only looks at it when it starts.
///
/// ```
/// use nats_mock::topology::{Compression, CompressionOptions};
///
/// let options = CompressionOptions { mode: "Fast".into(), rtt_thresholds: Vec::new() };
/// assert_eq!(options.resolve(Compression::Off, Compression::Off), Ok(Compression::Fast));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompressionOptions {
    /// The name of the mode. Empty: the default.
    pub mode: String,
    /// The round-trip times up to which each level is used in mode `s2_auto`, in nanoseconds.
    pub rtt_thresholds: Vec<i64>,
}

/// How a link is compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// As a server that knows no compression.
    NotSupported,
    /// Not at all.
    Off,
    /// As the other side wants it.
    Accept,
    /// Quickly.
    Fast,
    /// More than quickly.
    Better,
    /// As much as possible.
    Best,
    /// The slower the link, the more: the round-trip times up to which it is uncompressed, fast, better
    /// and best, without the last ones and with 0 where a level is not used.
    Auto(Vec<Duration>),
}

impl Compression {
    /// [`Auto`](Self::Auto) with the server's own round-trip times.
    pub fn default_auto() -> Self {
        Self::Auto(DEFAULT_RTT_THRESHOLDS.to_vec())
    }

    /// The name of the mode, as INFO and the monitoring endpoints show it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotSupported => "not supported",
            Self::Off => "off",
            Self::Accept => "accept",
            Self::Fast => "s2_fast",
            Self::Better => "s2_better",
            Self::Best => "s2_best",
            Self::Auto(_) => "s2_auto",
        }
    }

    /// What a side with this mode makes of a link to one with another, where the way is short. Empty if
    /// it does not know compression.
    pub(crate) fn agreed(&self, other: &Self) -> &'static str {
        let chosen = match (self, other) {
            (Self::NotSupported, _) | (_, Self::NotSupported) => return "",
            (_, Self::Off) | (Self::Accept, Self::Accept) => &Self::Off,
            (Self::Accept, Self::Auto(_)) => &Self::Fast,
            (Self::Accept, other) => other,
            (own, _) => own,
        };
        match chosen {
            Self::Auto(levels) => match levels.first() {
                Some(uncompressed) if uncompressed.is_zero() => "s2_fast",
                _ => "s2_uncompressed",
            },
            chosen => chosen.name(),
        }
    }
}

/// Why a server does not start with its `compression`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompressionError {
    /// There is no such mode.
    #[error("unsupported compression mode {}", quote(.0))]
    Unsupported(String),
    /// The round-trip times are not in order; in nanoseconds.
    #[error("RTT threshold values {} should be in ascending order", spelled(.0))]
    Order(Vec<i64>),
    /// There are more round-trip times than levels.
    #[error(
        "compression mode {} should have no more than 4 RTT thresholds: {}",
        quote(.mode),
        spelled(.rtt_thresholds)
    )]
    TooMany {
        /// The mode as written.
        mode: String,
        /// In nanoseconds.
        rtt_thresholds: Vec<i64>,
    },
    /// All round-trip times are 0; the mode as written.
    #[error("compression mode {} requires at least one RTT threshold", quote(.0))]
    TooFew(String),
}

fn spelled(nanos: &[i64]) -> String {
    let times: Vec<_> = nanos.iter().map(|&nanos| duration::format(nanos)).collect();
    format!("[{}]", times.join(" "))
}

impl CompressionOptions {
    /// What is meant, where `on` stands for the mode `on`, and `unset` for none.
    ///
    /// # Errors
    /// A mode that does not exist, or round-trip times that make no sense.
    pub fn resolve(
        &self,
        on: Compression,
        unset: Compression,
    ) -> Result<Compression, CompressionError> {
        let chosen = match fold(&self.mode).as_str() {
            "" => unset,
            "on" | "enabled" | "true" => on,
            "not supported" | "not_supported" => Compression::NotSupported,
            "disabled" | "off" | "false" => Compression::Off,
            "accept" => Compression::Accept,
            "fast" | "s2_fast" => Compression::Fast,
            "better" | "s2_better" => Compression::Better,
            "best" | "s2_best" => Compression::Best,
            "auto" | "s2_auto" => Compression::default_auto(),
            _ => return Err(CompressionError::Unsupported(self.mode.clone())),
        };
        match chosen {
            Compression::Auto(_) if !self.rtt_thresholds.is_empty() => self.thresholds(),
            chosen => Ok(chosen),
        }
    }

    /// The mode as the server would name it in an error.
    fn named(&self) -> String {
        if self.mode.is_empty() {
            Compression::default_auto().name().to_owned()
        } else {
            self.mode.clone()
        }
    }

    fn thresholds(&self) -> Result<Compression, CompressionError> {
        let mut thresholds = Vec::new();
        let mut longest = 0;
        for nanos in self.rtt_thresholds.iter().map(|nanos| nanos.max(&0)) {
            if *nanos != 0 && *nanos < longest {
                return Err(CompressionError::Order(self.rtt_thresholds.clone()));
            }
            longest = longest.max(*nanos);
            thresholds.push(Duration::from_nanos(nanos.unsigned_abs()));
        }
        while thresholds.last().is_some_and(Duration::is_zero) {
            thresholds.pop();
        }
        match thresholds.len() {
            0 => Err(CompressionError::TooFew(self.named())),
            n if n > MAX_RTT_THRESHOLDS => Err(CompressionError::TooMany {
                mode: self.named(),
                rtt_thresholds: self.rtt_thresholds.clone(),
            }),
            _ => Ok(Compression::Auto(thresholds)),
        }
    }
}
