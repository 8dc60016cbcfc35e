//! What a server's clock shows, which need not be the time.

use std::time::Duration;

use nats_mock_protocol::time::Timestamp;

use super::notice::{Fate, Notice};
use super::time::Time;
use super::{Core, ServerId};

/// The clock on a server's wall. Timers, uptimes and the order of things follow the deployment's time, as
/// Go's follow the monotonic clock; only what is printed is read from this one.
#[derive(Clone, Debug, Default)]
pub(crate) struct WallClock {
    utc_offset: i32,
    /// Since when it has been wrong by how many nanoseconds. What was read before stays as it was.
    jumps: Vec<(Time, i64)>,
}

impl WallClock {
    pub fn new(utc_offset: i32) -> Self {
        Self {
            utc_offset,
            jumps: Vec::new(),
        }
    }

    /// What it showed at `time`, in UTC.
    pub fn utc(&self, time: Time) -> Timestamp {
        let latest = self.jumps.iter().rev().find(|(since, _)| *since <= time);
        let wrong_by = latest.map_or(0, |(_, wrong_by)| *wrong_by);
        Timestamp::from_unix_nanos(time.unix_nanos().saturating_add(wrong_by))
    }

    /// What it showed at `time`, in the local time zone.
    pub fn local(&self, time: Time) -> Timestamp {
        self.utc(time).with_offset(self.utc_offset)
    }

    /// By how much it is wrong now; negative is behind.
    pub fn wrong_by(&self) -> i64 {
        self.jumps.last().map_or(0, |(_, wrong_by)| *wrong_by)
    }

    fn jump(&mut self, at: Time, wrong_by: i64) {
        // Many jumps at one moment are one.
        if self.jumps.last().is_some_and(|(since, _)| *since == at) {
            self.jumps.pop();
        }
        self.jumps.push((at, wrong_by));
    }
}

impl Core {
    /// Sets the clock of a server: ahead of the time by `wrong_by`, or behind it.
    pub fn set_wall_clock(&mut self, now: Time, server: ServerId, wrong_by: Duration, ahead: bool) {
        self.set_now(now);
        let now = self.now;
        let nanos = i64::try_from(wrong_by.as_nanos()).unwrap_or(i64::MAX);
        let wrong_by = if ahead { nanos } else { -nanos };
        self.server_mut(server).wall_clock.jump(now, wrong_by);
        let fate = Fate::ClockSet(wrong_by);
        self.notices.push_back(Notice::Fate { server, fate });
    }

    /// A server that starts again is on the same machine.
    pub fn keep_wall_clock(&mut self, server: ServerId, previous: ServerId) {
        self.server_mut(server).wall_clock = self.server(previous).wall_clock.clone();
    }
}
