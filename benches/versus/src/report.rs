//! The table on standard output and the samples in a JSON file.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::failure::{Doing, Result};
use crate::measure::{Figure, Kind, Side};
use crate::stats::Spread;

/// All samples of one figure.
#[derive(Debug)]
pub struct Measured {
    name: &'static str,
    figure: Figure,
    real: Vec<f64>,
    mock: Vec<f64>,
    ceiling: Vec<f64>,
}

impl Measured {
    /// A figure without samples.
    pub fn new(name: &'static str, figure: Figure) -> Self {
        Self {
            name,
            figure,
            real: Vec::new(),
            mock: Vec::new(),
            ceiling: Vec::new(),
        }
    }

    /// Adds the sample of one round.
    pub fn add(&mut self, side: Side, sample: f64) {
        match side {
            Side::Real => self.real.push(sample),
            Side::Mock => self.mock.push(sample),
            Side::Ceiling => self.ceiling.push(sample),
        }
    }

    /// The ratios of the rounds. Each compares two samples taken right after one another, so that whatever else the
    /// machine was doing weighs on both.
    fn ratios(&self) -> Option<Spread> {
        let pairs = self.real.iter().zip(&self.mock);
        let ratios: Vec<f64> = pairs
            .map(|(&real, &mock)| self.figure.kind.ratio(real, mock))
            .collect();
        Spread::of(&ratios)
    }

    /// Whether the median ratio reaches its aim; true when there is none.
    pub fn reaches_aim(&self) -> bool {
        match (self.figure.aim, self.ratios()) {
            (Some(aim), Some(ratio)) => self.figure.kind.reaches(ratio.median, aim),
            _ => true,
        }
    }

    fn to_json(&self) -> Value {
        let ratio = self
            .ratios()
            .map(|spread| json!({"median": spread.median, "min": spread.min, "max": spread.max}));
        json!({
            "name": self.name,
            "figure": self.figure.label,
            "unit": self.figure.unit,
            "ratio": ratio,
            "aim": self.figure.aim,
            "reached": self.reaches_aim(),
            "real": self.real,
            "mock": self.mock,
            "ceiling": self.ceiling,
        })
    }
}

/// The heading of the table.
pub fn heading(ceiling: bool) -> String {
    let ceiling = if ceiling {
        format!(" {:>13}", "ceiling")
    } else {
        String::new()
    };
    let titles = format!(
        "{:<40} {:>6} {:>13} {:>13}{ceiling} {:>8} {:>15} {:>7}",
        "figure", "unit", "real", "mock", "ratio", "min to max", "aim"
    );
    format!("{titles}\n{}", "-".repeat(titles.len()))
}

/// One line of the table.
pub fn line(measured: &Measured, with_ceiling: bool) -> String {
    let figure = &measured.figure;
    let middle = |samples: &[f64]| {
        Spread::of(samples).map_or_else(|| "-".into(), |spread| number(spread.median))
    };
    let ceiling = if with_ceiling {
        format!(" {:>13}", middle(&measured.ceiling))
    } else {
        String::new()
    };
    let (ratio, range) = measured.ratios().map_or_else(Default::default, |ratio| {
        (
            format!("{:.2}x", ratio.median),
            format!("{:.2} to {:.2}", ratio.min, ratio.max),
        )
    });
    let sign = if figure.kind == Kind::Memory {
        "<="
    } else {
        ">="
    };
    let aim = figure
        .aim
        .map_or_else(String::new, |aim| format!("{sign} {aim}"));
    let missed = if measured.reaches_aim() {
        ""
    } else {
        "  missed"
    };
    format!(
        "{:<40} {:>6} {:>13} {:>13}{ceiling} {ratio:>8} {range:>15} {aim:>7}{missed}",
        figure.label,
        figure.unit,
        middle(&measured.real),
        middle(&measured.mock),
    )
}

/// Writes every sample.
pub fn write_json(path: &Path, table: &[Measured]) -> Result<()> {
    let values: Vec<Value> = table.iter().map(Measured::to_json).collect();
    fs::write(path, format!("{:#}\n", Value::from(values)))
        .doing(format!("writing {}", path.display()))
}

/// Large numbers without decimals and with thousands set apart, small ones with three significant digits.
fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 1000.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(kind: Kind, aim: f64, real: &[f64], mock: &[f64]) -> Measured {
        let figure = Figure {
            label: "f",
            unit: "u",
            kind,
            aim: Some(aim),
        };
        Measured {
            name: "n",
            figure,
            real: real.to_vec(),
            mock: mock.to_vec(),
            ceiling: Vec::new(),
        }
    }

    #[test]
    fn a_ratio_above_one_favours_the_mock_except_for_memory() {
        assert!(measured(Kind::Rate, 1.0, &[100.0], &[150.0]).reaches_aim());
        assert!(!measured(Kind::Rate, 1.0, &[100.0], &[99.0]).reaches_aim());
        assert!(measured(Kind::Time, 50.0, &[100.0], &[2.0]).reaches_aim());
        assert!(!measured(Kind::Memory, 0.5, &[100.0], &[60.0]).reaches_aim());
    }

    #[test]
    fn rounds_are_compared_pair_by_pair() {
        let line = line(
            &measured(Kind::Rate, 1.0, &[100.0, 10.0, 1.0], &[200.0, 10.0, 0.5]),
            false,
        );
        assert!(line.contains("1.00x"), "{line}");
        assert!(line.contains("0.50 to 2.00"), "{line}");
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(number(1_234_567.8), "1,234,568");
        assert_eq!(number(12.34), "12.3");
        assert_eq!(number(1.234), "1.23");
    }
}
