//! An exporter that is tested under everything that can go wrong.
//!
//! It has a planted bug: it gives no metrics unless every server has answered, as an exporter once did
//! (nats-surveyor #37). The first sweep finds it and says which single fault it takes; the second is of the
//! mended tool. Run it with `cargo run --example exporter`.

mod tool;

use nats_mock::sweep::Report;
use nats_mock::{MockNats, sweep};
use tool::Exporter;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("with the bug:\n{}", swept(true).await);
    println!("mended:\n{}", swept(false).await);
}

/// What a sweep finds, with the bug or without.
pub async fn swept(insists_on_all: bool) -> Report {
    let deployment = MockNats::builder().cluster("east", 3);
    let test = async |nats: &MockNats| {
        let exporter = Exporter {
            urls: nats.servers().map(|server| server.system_url()).collect(),
            expected: 3,
            insists_on_all,
        };
        exporter.scrape().await.map(drop)
    };
    sweep(deployment, test)
        .incidents()
        .plans(10)
        .mutations()
        .run()
        .await
}
