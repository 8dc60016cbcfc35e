//! Whether what accounts share would go round in circles.

use nats_mock_protocol::subject::{collides, is_subset};

use super::SharingProblem;
use super::plan::Sharing;

/// How many accounts the search goes through.
const MAX_SEARCH: usize = 1024;

impl Sharing {
    /// Looks for a stream import that leads from `at` back to where `to` has come from.
    pub(super) fn stream_cycle(
        &self,
        at: usize,
        to: &str,
        visited: &mut Vec<usize>,
    ) -> Result<(), SharingProblem> {
        let account = &self.accounts[at];
        let mut streams = account.streams.keys();
        let is_exported = streams.any(|stream| is_subset(to.as_bytes(), stream.as_bytes()));
        if !is_exported || visited.len() >= MAX_SEARCH {
            return Ok(());
        }
        for import in &account.stream_imports {
            if !collides(to.as_bytes(), import.to.as_bytes()) {
                continue;
            }
            let is_narrower = is_subset(import.to.as_bytes(), to.as_bytes());
            let to = if is_narrower { &import.to } else { to };
            self.visit(import.exporter, at, visited, |sharing, visited| {
                sharing.stream_cycle(import.exporter, to, visited)
            })?;
        }
        Ok(())
    }

    /// The same for service imports.
    pub(super) fn service_cycle(
        &self,
        at: usize,
        from: &str,
        visited: &mut Vec<usize>,
    ) -> Result<(), SharingProblem> {
        if visited.len() >= MAX_SEARCH {
            return Ok(());
        }
        for import in &self.accounts[at].service_imports {
            if !collides(from.as_bytes(), import.to.as_bytes()) {
                continue;
            }
            let is_narrower = is_subset(import.from.as_bytes(), from.as_bytes());
            let from = if is_narrower { &import.from } else { from };
            self.visit(import.exporter, at, visited, |sharing, visited| {
                sharing.service_cycle(import.exporter, from, visited)
            })?;
        }
        Ok(())
    }

    fn visit(
        &self,
        next: usize,
        at: usize,
        visited: &mut Vec<usize>,
        search: impl FnOnce(&Self, &mut Vec<usize>) -> Result<(), SharingProblem>,
    ) -> Result<(), SharingProblem> {
        if visited.contains(&next) {
            return Err(SharingProblem::Cycle);
        }
        if !visited.contains(&at) {
            visited.push(at);
        }
        search(self, visited)
    }
}
