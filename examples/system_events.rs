//! Prints what the system account hears while an application comes, misbehaves and goes.

use nats_mock::MockNats;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let nats = MockNats::start_blocking()?;
    let mut operator = nats.client("admin")?;
    let mut events = operator.subscribe("$SYS.>")?;

    let mut app = nats.client("a")?;
    app.publish("orders.new", "one")?;
    drop(app);
    let mut stranger = nats.connect_in_memory()?;
    stranger.send(b"CONNECT {\"user\":\"a\",\"pass\":\"guessed\"}\r\n")?;
    nats.stop();

    while let Some(event) = events.try_next() {
        println!("{}\n    {}", event.subject, event.text());
    }
    Ok(())
}
