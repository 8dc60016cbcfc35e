//! A first test against an in-process NATS server: `cargo run --example first_test`.
//!
//! In your own crate this is the body of a `#[tokio::test]`.

use nats_mock::MockNats;

/// The code under test: greets whoever asks.
async fn greeter(
    client: async_nats::Client,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    use futures_util::StreamExt;

    let mut requests = client.subscribe("greet.*").await?;
    while let Some(request) = requests.next().await {
        let name = request.subject.trim_start_matches("greet.").to_owned();
        if let Some(reply) = request.reply {
            client
                .publish(reply, format!("hello, {name}").into())
                .await?;
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A server of this test alone, on a port of its own; dropping it stops it.
    let nats = MockNats::start().await?;

    // What the server itself says of its clients comes to the system account.
    let mut ops = nats.client("admin")?;
    let mut arrivals = ops.subscribe("$SYS.ACCOUNT.USERS.CONNECT")?;

    // A real client library for the code under test …
    let service = async_nats::connect(nats.url_for("a")).await?;
    tokio::spawn(greeter(service));
    let arrival = arrivals.next().await.ok_or("the server has stopped")?;
    println!("connected: {}", arrival.text());

    // … and a client without a socket for the test.
    let mut test = nats.client("a")?;
    let answer = loop {
        let mut answers = test.request("greet.joe", "")?;
        let answer = answers.next().await.ok_or("the server has stopped")?;
        // Until the service has subscribed, nobody is there to answer.
        if answer.status() != Some(503) {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(answer.payload, "hello, joe");
    println!("answered: {}", answer.text());

    nats.shutdown().await?;
    Ok(())
}
