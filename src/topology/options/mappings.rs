//! `mappings` of an account, and of the global account.

use nats_mock_protocol::conf::{Kind, Map, Value, fold};
use nats_mock_protocol::subject;

use super::problem::Problem;
use super::read::{Reader, invalid, string, wrong_type};
use super::words::{plain, quote};
use crate::topology::mappings::{Mapping, MappingDestination, SubjectMapping};

impl Reader<'_> {
    pub(super) fn mappings(&mut self, value: &Value) -> Result<Vec<SubjectMapping>, Problem> {
        let map = value
            .as_map()
            .ok_or_else(|| wrong_type(value, "map[string]interface {}"))?;
        let mut mappings: Vec<SubjectMapping> = Vec::new();
        for (source, entry) in map.iter() {
            if !subject::is_valid(source.as_bytes()) {
                let reason = format!("Subject {} is not a valid subject", quote(source));
                self.problems.push(invalid(value, reason));
                continue;
            }
            let Some(mapping) = self.mapping(source, entry)? else {
                continue;
            };
            mappings.retain(|known| known.source != mapping.source);
            mappings.push(mapping);
        }
        Ok(mappings)
    }

    fn mapping(&mut self, source: &str, entry: &Value) -> Result<Option<SubjectMapping>, Problem> {
        let (mapping, to) = match &entry.kind {
            Kind::String(to) => {
                let to_text = format!(" to {}", quote(to));
                (SubjectMapping::new(source, to.clone()), to_text)
            }
            Kind::Array(entries) => {
                let mut destinations = Vec::new();
                for entry in entries {
                    destinations.extend(self.destination(entry, entry)?);
                }
                let mapping = SubjectMapping {
                    source: source.to_owned(),
                    destinations,
                };
                (mapping, String::new())
            }
            _ => {
                let Some(destination) = self.destination(entry, entry)? else {
                    return Ok(None);
                };
                let mapping = SubjectMapping {
                    source: source.to_owned(),
                    destinations: vec![destination],
                };
                (mapping, String::new())
            }
        };
        let functions = self.version.profile().subject_functions();
        match Mapping::of(&mapping, functions) {
            Ok(_) => Ok(Some(mapping)),
            Err(error) => {
                let source = quote(source);
                let reason = format!("Error adding mapping for {source}{to} : {error}");
                self.problems.push(invalid(entry, reason));
                Ok(None)
            }
        }
    }

    fn destination(
        &mut self,
        value: &Value,
        at: &Value,
    ) -> Result<Option<MappingDestination>, Problem> {
        let Some(map) = value.as_map() else {
            let reason = "Expected an entry for the mapping destination";
            self.problems.push(invalid(value, reason));
            return Ok(None);
        };
        match self.destination_keys(map, at)? {
            Ok(destination) => Ok(Some(destination)),
            Err(problem) => {
                self.problems.push(problem);
                Ok(None)
            }
        }
    }

    /// What a destination says. A text of the wrong type makes the server give up on all mappings.
    fn destination_keys(
        &self,
        map: &Map,
        at: &Value,
    ) -> Result<Result<MappingDestination, Problem>, Problem> {
        let mut destination = MappingDestination::default();
        let mut weight = None;
        let text = |value: &Value| {
            string(value).map_err(|problem| Problem {
                at: Some(at.at.clone()),
                ..problem
            })
        };
        for (key, value) in map.iter() {
            match fold(key).as_str() {
                "dest" | "destination" => destination.subject = text(value)?,
                "weight" => match read_weight(value) {
                    Ok(read) => weight = Some(read),
                    Err(problem) => return Ok(Err(problem)),
                },
                "cluster" => destination.cluster = Some(text(value)?),
                _ => {
                    let field = quote(key);
                    let reason = format!("Unknown field {field} for mapping destination");
                    return Ok(Err(invalid(value, reason)));
                }
            }
        }
        let Some(weight) = weight else {
            let subject = quote(&destination.subject);
            let reason = format!("Missing weight for mapping destination {subject}");
            return Ok(Err(invalid(at, reason)));
        };
        destination.weight = weight;
        Ok(Ok(destination))
    }
}

fn read_weight(value: &Value) -> Result<u8, Problem> {
    let weight = match &value.kind {
        Kind::Integer(weight) => *weight,
        Kind::String(text) => {
            let digits = text.strip_suffix('%').unwrap_or(text);
            digits.parse().map_err(|_| {
                let digits = quote(digits);
                invalid(
                    value,
                    format!("Invalid weight {digits} for mapping destination"),
                )
            })?
        }
        other => {
            let reason = format!("Unknown entry type for weight of {}\n", plain(other));
            return Err(invalid(value, reason));
        }
    };
    match u8::try_from(weight) {
        Ok(weight @ 0..=100) => Ok(weight),
        _ => Err(invalid(
            value,
            format!("Invalid weight {weight} for mapping destination"),
        )),
    }
}
