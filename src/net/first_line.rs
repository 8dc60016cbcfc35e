//! The first line of an answer, which HTTP clients take apart and throw away, and real servers tell.

use std::cell::RefCell;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// So much of a line is looked at.
const LONGEST: usize = 4096;

thread_local! {
    /// That of the last answer. A request does all its reading in the thread that makes it.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The first line of the answer to the request that this thread has made last, as far as it came.
pub(super) fn last() -> Vec<u8> {
    LINE.with_borrow(|line| {
        let end = line.iter().position(|&byte| byte == b'\n');
        let line = &line[..end.unwrap_or(line.len())];
        line.strip_suffix(b"\r").unwrap_or(line).to_vec()
    })
}

/// Forgets what was before.
pub(super) fn forget() {
    LINE.with_borrow_mut(Vec::clear);
}

/// Notes first lines of what comes over connections.
#[derive(Debug)]
pub(super) struct Noting;

impl<In: Transport> Connector<In> for Noting {
    type Out = Noted<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| Noted {
            inner,
            is_open: true,
        }))
    }
}

#[derive(Debug)]
pub(super) struct Noted<In> {
    inner: In,
    /// Whether the line may still go on.
    is_open: bool,
}

impl<In: Transport> Transport for Noted<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        forget();
        self.is_open = true;
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let came = self.inner.await_input(timeout);
        if self.is_open {
            let input = self.inner.buffers().input();
            let input = &input[..input.len().min(LONGEST)];
            self.is_open = !input.contains(&b'\n');
            LINE.with_borrow_mut(|line| input.clone_into(line));
        }
        came
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
