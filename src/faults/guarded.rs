//! A test's own code, run by the deployment.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a test's own code comes to. A panic in it must not take the deployment down: it is told as the
/// code's mistake.
pub(crate) fn guarded<T>(act: &mut dyn FnMut() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        format!(
            "it panicked: {}",
            text.unwrap_or_else(|| "no text".to_owned())
        )
    })
}
