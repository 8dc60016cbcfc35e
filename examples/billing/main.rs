//! A billing service that is tested under everything that can go wrong.
//!
//! It has a planted bug: an event that is delivered twice is billed twice. The first sweep finds it and says
//! which single fault it takes; the second is of the mended service. Run it with
//! `cargo run --example billing`.

mod tool;

use nats_mock::sweep::Report;
use nats_mock::{MockNats, sweep};
use tool::Billing;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("with the bug:\n{}", swept(true).await);
    println!("mended:\n{}", swept(false).await);
}

/// What a sweep finds, with the bug or without.
pub async fn swept(believes_everything: bool) -> Report {
    let deployment = MockNats::builder().cluster("east", 2);
    let test = async |nats: &MockNats| {
        let urls: Vec<_> = nats.servers().map(|server| server.system_url()).collect();
        let Ok(mut billing) = Billing::start(&urls, believes_everything).await else {
            // Nobody is there to be billed.
            return Ok(());
        };
        let clients = nats.servers().map(|server| server.client("a"));
        let sessions = clients.filter(Result::is_ok).count() as u64;
        let bills = billing.catch_up(sessions).await;
        match bills.values().map(|bill| bill.sessions).sum::<u64>() {
            billed if billed <= sessions => Ok(()),
            billed => Err(format!("billed {billed} sessions of {sessions}")),
        }
    };
    sweep(deployment, test)
        .incidents()
        .plans(10)
        .mutations()
        .run()
        .await
}
