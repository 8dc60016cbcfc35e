//! What many servers cost.

mod fleet;

use crate::failure::Result;

/// Measures so many servers in this process, and prints the figures as JSON.
pub fn fleet(servers: usize) -> Result<bool> {
    println!("{}", fleet::measure(servers)?);
    Ok(true)
}
