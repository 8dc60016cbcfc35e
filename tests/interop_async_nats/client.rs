//! Connecting the client, and what it hears.

use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, Message, ServerError, Subscriber};
use futures_util::StreamExt;
use nats_mock::MockNats;
use tokio::sync::mpsc;

use crate::support::soon;

pub type Events = mpsc::UnboundedReceiver<Event>;

/// Connects with credentials of its own, not by a port for the user, and listens to the events.
pub async fn connect(nats: &MockNats, user: &str, password: &str) -> (Client, Events) {
    let (sender, events) = mpsc::unbounded_channel();
    let client = options(user, password)
        .event_callback(move |event| {
            let _ = sender.send(event);
            std::future::ready(())
        })
        .connect(nats.address().to_string())
        .await
        .expect("connects");
    (client, events)
}

pub fn options(user: &str, password: &str) -> ConnectOptions {
    ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        .reconnect_delay_callback(|_| Duration::from_millis(10))
}

pub async fn app(nats: &MockNats) -> Client {
    connect(nats, "a", "a").await.0
}

/// Waits until the server has handled everything that the client has sent. The client's `flush`
/// does not: it ends when the bytes are on their way.
pub async fn round_trip(client: &Client) {
    let answer = soon("an answer", client.request("$SYS.REQ.USER.INFO", "".into())).await;
    answer.expect("the server answers");
}

/// The next message of a subscription.
pub async fn next(subscriber: &mut Subscriber) -> Message {
    let message = soon("a message", subscriber.next()).await;
    message.expect("the subscription is alive")
}

/// Whether the subscription ends here.
pub async fn ended(subscriber: &mut Subscriber) -> bool {
    soon("the end", subscriber.next()).await.is_none()
}

/// The first event that `pick` takes.
pub async fn event<T>(events: &mut Events, pick: impl Fn(&Event) -> Option<T>) -> T {
    soon("an event", async {
        loop {
            let event = events.recv().await.expect("the client lives");
            if let Some(picked) = pick(&event) {
                return picked;
            }
        }
    })
    .await
}

/// The next `-ERR` that the client reports.
pub async fn server_error(events: &mut Events) -> String {
    event(events, |event| match event {
        Event::ServerError(ServerError::Other(text)) => Some(text.clone()),
        _ => None,
    })
    .await
}

pub async fn until(events: &mut Events, wanted: fn(&Event) -> bool) {
    event(events, |event| wanted(event).then_some(())).await;
}
