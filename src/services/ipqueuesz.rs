//! `$SYS.REQ.SERVER.PING.IPQUEUESZ` and `$SYS.REQ.SERVER.<id>.IPQUEUESZ`: the queues between the
//! parts of a server.
//!
//! A simulation hands everything on at once, so all that is ever under way is the request itself.

use nats_mock_protocol::monitor::{IpqueueInfo, Ipqueuesz, IpqueueszOptions};

use super::registry::{Endpoint, Scope};
use super::system::Context;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("IPQUEUESZ", Scope::Server, |context, call| {
    call.answer(context, |context, options: IpqueueszOptions| {
        Ok(ipqueuesz(context, &options))
    })
});

/// The queue from which requests are answered.
const REQUESTS: &str = "System recvQ";

fn ipqueuesz(context: &Context<'_>, options: &IpqueueszOptions) -> Ipqueuesz {
    let queues = context.server().profile.internal_queues.iter();
    queues
        .map(|&name| {
            let queue = IpqueueInfo {
                in_progress: i64::from(name == REQUESTS),
                ..IpqueueInfo::default()
            };
            (name.to_owned(), queue)
        })
        .filter(|(_, queue)| options.all || queue.in_progress > 0)
        .filter(|(name, _)| name.contains(&options.queue))
        .collect()
}
