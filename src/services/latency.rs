//! What is told of how long services take to answer other accounts, in the account of the service.

use super::system::Context;
use crate::core::{Measured, MeasuredApart};

pub(super) fn measured(context: &mut Context<'_>, measured: Measured) {
    let mut event = measured.event;
    event.id = context.next_event_id_of(measured.account);
    event.timestamp = context.utc_now();
    context.publish_in(measured.account, &measured.subject, "", &event);
}

pub(super) fn measured_apart(context: &mut Context<'_>, measured: &MeasuredApart) {
    context.publish(&measured.subject, &measured.half);
}
