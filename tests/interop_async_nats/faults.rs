//! What a real client does when its connections go wrong.

use std::time::Duration;

use futures_util::StreamExt;
use nats_mock::MockNats;
use nats_mock::connection::{Connections, Line, connecting, line};
use nats_mock::expected::connections;
use nats_mock::programmed::Armed;
use nats_mock::protocol::events::CloseReason;

use crate::support::{PATIENCE, soon};

/// A client that comes back as soon as it can.
async fn connect(nats: &MockNats) -> async_nats::Client {
    let options = async_nats::ConnectOptions::new()
        .reconnect_delay_callback(|_| Duration::from_millis(1))
        .retry_on_initial_connect();
    let connected = options.connect(nats.url_for("a"));
    soon("the client", connected).await.unwrap()
}

#[tokio::test]
async fn it_comes_back_after_whatever_ends_its_connection() {
    let faults: [fn(&Connections) -> usize; 6] = [
        Connections::reset,
        Connections::half_close,
        |all| all.close(CloseReason::StaleConnection),
        |all| all.close(CloseReason::SlowConsumerPendingBytes),
        |all| all.close(CloseReason::Kicked),
        |all| all.send_raw("MSG a 1 many\r\n"),
    ];
    for fault in faults {
        let nats = MockNats::start().await.unwrap();
        let came = nats.expect(connections().by_user("a")).times(2..);
        let client = connect(&nats).await;
        soon("a flush", client.flush()).await.unwrap();
        assert_eq!(fault(&nats.connections().of_user("a")), 1);
        came.satisfied(PATIENCE).await.unwrap();
        let mut echo = soon("a subscription", client.subscribe("x")).await.unwrap();
        client.publish("x", "hi".into()).await.unwrap();
        let message = soon("the message", echo.next()).await.unwrap();
        assert_eq!(message.payload, "hi");
    }
}

#[tokio::test]
async fn it_gets_in_after_whatever_keeps_it_out() {
    let faults: [fn(&MockNats) -> Armed; 7] = [
        |nats| nats.on(connecting()).times(2).refuse(),
        |nats| nats.on(connecting()).times(2).reset(),
        |nats| nats.on(connecting()).times(2).close(),
        |nats| {
            let reason = CloseReason::MaxConnectionsExceeded;
            nats.on(connecting()).times(2).close_with(reason)
        },
        |nats| {
            nats.on(connecting())
                .times(2)
                .greet_raw("HTTP/1.1 400 Bad Request\r\n\r\n")
        },
        |nats| nats.on(line(Line::Info)).times(2).truncate(20),
        |nats| {
            nats.on(connecting())
                .times(1)
                .late_info(Duration::from_millis(20))
        },
    ];
    for fault in faults {
        let nats = MockNats::start().await.unwrap();
        let armed = fault(&nats);
        let came = nats.expect(connections().by_user("a"));
        let client = connect(&nats).await;
        came.satisfied(PATIENCE).await.unwrap();
        soon("a flush", client.flush()).await.unwrap();
        assert!(armed.hits() >= 1);
    }
}
