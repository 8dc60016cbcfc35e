//! A thousand servers in one process, for tools that look at large deployments.
//!
//! ```sh
//! cargo run --release --example many_servers
//! ```

use std::io::Read;

use nats_mock::MockNats;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut builder = MockNats::builder().unbound().bound("c1-1");
    for place in 1..=10 {
        builder = builder.cluster(format!("c{place}"), 100);
    }
    let nats = builder.start_blocking()?;
    println!(
        "nats -s {} server list 1000",
        nats.server("c1-1").system_url()
    );
    println!("They stay until standard input ends.");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
