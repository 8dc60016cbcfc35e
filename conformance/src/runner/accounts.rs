//! The web server for the JWTs of accounts in a running script.

use super::{PATIENCE, Problem, Run};
use crate::account_server::{AccountServer, Change};
use crate::driver::DriverError;

/// The server, and how much of what it was asked is shown already.
pub(super) struct Accounts {
    server: AccountServer,
    shown: usize,
}

impl Accounts {
    pub(super) fn new(server: AccountServer) -> Self {
        Self { server, shown: 0 }
    }
}

impl Run<'_> {
    fn accounts(&self) -> Result<&Accounts, Problem> {
        let missing = || Problem::Script("no account server is named".to_owned());
        self.accounts.as_ref().ok_or_else(missing)
    }

    pub(super) fn change_accounts(
        &mut self,
        change: &Change<crate::scenario::Template>,
    ) -> Result<(), Problem> {
        let change = match change {
            Change::Answer(key, status, body) => {
                Change::Answer(self.fill(key)?, *status, self.fill(body)?)
            }
            Change::Close(key) => Change::Close(self.fill(key)?),
            Change::Cut(key) => Change::Cut(self.fill(key)?),
            Change::Hang(key) => Change::Hang(self.fill(key)?),
            Change::Words(status, words) => Change::Words(*status, self.fill(words)?),
            Change::Secure(security) => Change::Secure(security.clone()),
            Change::Plain => Change::Plain,
            Change::Stop => Change::Stop,
            Change::Start => Change::Start,
        };
        let changed = self.accounts()?.server.change(change);
        changed.map_err(DriverError::io("changing the account server"))?;
        Ok(())
    }

    /// Awaits so many requests and shows all that have come.
    pub(super) fn await_requests(&mut self, count: usize) -> Result<(), Problem> {
        let deadline = self.driver.now() + PATIENCE;
        let shown = self.accounts()?.shown;
        let requests = loop {
            let requests = self.accounts()?.server.requests(shown);
            if requests.len() >= count {
                break requests;
            }
            if !self.wait(deadline)? {
                let came = requests.len();
                return Err(Problem::Unmet(format!("only {came} requests came")));
            }
        };
        if let Some(accounts) = &mut self.accounts {
            accounts.shown += requests.len();
        }
        for request in requests {
            let shown = self.normaliser.output(request.as_bytes());
            self.transcript.output("accounts", &shown);
        }
        Ok(())
    }

    /// Tells a server under test that has a clock of its own whose answers are not to be waited for.
    pub(super) fn note_held_requests(&mut self) {
        if let Some(accounts) = &self.accounts {
            self.driver.note_held_requests(accounts.server.held());
        }
    }
}
