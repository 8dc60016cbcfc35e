//! What the program is told from outside, by signals.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// What a signal asks for.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    Interrupt,
    Terminate,
    LameDuck,
    Reload,
    Reopen,
}

impl Order {
    /// The signal's name as Go prints it.
    pub fn name(self) -> &'static str {
        match self {
            Order::Interrupt => "interrupt",
            Order::Terminate => "terminated",
            Order::LameDuck => "user defined signal 2",
            Order::Reload => "hangup",
            Order::Reopen => "user defined signal 1",
        }
    }
}

/// Listens for every signal that has a meaning.
pub fn orders() -> std::io::Result<mpsc::UnboundedReceiver<Order>> {
    let (sender, orders) = mpsc::unbounded_channel();
    for (kind, order) in [
        (SignalKind::interrupt(), Order::Interrupt),
        (SignalKind::terminate(), Order::Terminate),
        (SignalKind::user_defined2(), Order::LameDuck),
        (SignalKind::hangup(), Order::Reload),
        (SignalKind::user_defined1(), Order::Reopen),
    ] {
        let mut signals = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() && sender.send(order).is_ok() {}
        });
    }
    Ok(orders)
}
