//! The table of requests that servers listen to.
//!
//! Every server subscribes to the same subjects as a nats-server does, so that counts, wildcards
//! and "no responders" come out right.

#[cfg(test)]
mod page;

use super::account_conns;
use super::requests::{self, Answer, Call};
use super::system::Context;
use super::{
    account_info, account_statz, accountz, claims, connz, expvarz, gatewayz, healthz, idz,
    ipqueuesz, jsz, kick, ldm, leafz, profilez, raftz, reload, resolver, routez, statsz,
    subscribers, subsz, user_info, varz,
};
use crate::core::{self, AccountId, Request, ResolverKind, ServerId, Told};
use crate::topology::ResponseType;
use rand::seq::SliceRandom;
use std::sync::LazyLock;

/// A request that is answered.
pub(super) struct Endpoint {
    /// The last token of its subjects.
    pub name: &'static str,
    pub scope: Scope,
    /// Whether a request that does not say where to answer has an effect.
    pub answers_without_reply: bool,
    /// The resolvers whose servers listen to it.
    pub resolvers: Resolvers,
    /// The queue group in which they do.
    pub queue: Option<&'static str>,
    pub answer: fn(&mut Context<'_>, &Call<'_>) -> Answer,
}

impl Endpoint {
    pub const fn new(
        name: &'static str,
        scope: Scope,
        answer: fn(&mut Context<'_>, &Call<'_>) -> Answer,
    ) -> Self {
        Self {
            name,
            scope,
            answers_without_reply: false,
            resolvers: Resolvers::Any,
            queue: None,
            answer,
        }
    }

    pub const fn only_with(self, resolvers: Resolvers) -> Self {
        Self { resolvers, ..self }
    }

    pub const fn in_group(self, queue: &'static str) -> Self {
        Self {
            queue: Some(queue),
            ..self
        }
    }

    pub const fn also_without_reply(self) -> Self {
        Self {
            answers_without_reply: true,
            ..self
        }
    }

    /// Where it is reached, with `account` for the account and `<id>` for the server's id.
    fn subjects(&self, account: &str) -> Vec<String> {
        let name = self.name;
        match self.scope {
            Scope::Server => vec![
                format!("$SYS.REQ.SERVER.<id>.{name}"),
                format!("$SYS.REQ.SERVER.PING.{name}"),
            ],
            Scope::ServerAlone => vec![format!("$SYS.REQ.SERVER.<id>.{name}")],
            Scope::Account => vec![format!("$SYS.REQ.ACCOUNT.{account}.{name}")],
            Scope::User => vec![format!("$SYS.REQ.USER.{account}.{name}")],
            Scope::At(subject) => vec![subject.to_owned()],
        }
    }
}

/// Where an endpoint is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// `$SYS.REQ.SERVER.<id>.<name>` and `$SYS.REQ.SERVER.PING.<name>`.
    Server,
    /// `$SYS.REQ.SERVER.<id>.<name>` alone.
    ServerAlone,
    /// `$SYS.REQ.ACCOUNT.<account>.<name>`.
    Account,
    /// `$SYS.REQ.USER.<account>.<name>`.
    User,
    /// One subject.
    At(&'static str),
}

/// Resolvers, of which there may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolvers {
    /// Any, or none.
    Any,
    /// None with a directory.
    NoDirectory,
    /// One with a directory.
    Directory,
    /// A full one.
    Full,
}

impl Resolvers {
    fn hold(self, kind: Option<ResolverKind>) -> bool {
        let has_directory = matches!(kind, Some(ResolverKind::Full | ResolverKind::Cache));
        match self {
            Self::Any => true,
            Self::NoDirectory => !has_directory,
            Self::Directory => has_directory,
            Self::Full => kind == Some(ResolverKind::Full),
        }
    }
}

/// Something that a server listens to.
enum Listener {
    /// A request that is answered.
    Request(Endpoint),
    /// What concerns other servers of a cluster, or account JWTs: it is counted, and nothing answers.
    /// `<id>` stands for the server's id and `<hash>` for its hash.
    Other(&'static str),
}

use Listener::{Other, Request as On};

/// What a server listens to, in the order in which nats-server subscribes, because SUBSZ shows the
/// sids. The position of a listener is the tag of its subscriptions.
const LISTENERS: &[Listener] = &[
    On(subscribers::INBOX),
    Other("$SYS.SERVER.ACCOUNT.*.CONNS"),
    Other("$SYS._INBOX_.<id>"),
    On(subscribers::ENDPOINT),
    Other("$SYS.SERVER.*.STATSZ"),
    Other("$SYS.SERVER.*.SHUTDOWN"),
    Other("$SYS.SERVER.*.LAMEDUCK"),
    On(claims::OLD_ENDPOINT.only_with(Resolvers::NoDirectory)),
    On(claims::ENDPOINT.only_with(Resolvers::NoDirectory)),
    On(statsz::PING_ENDPOINT),
    On(idz::ENDPOINT),
    On(statsz::ENDPOINT),
    On(varz::ENDPOINT),
    On(subsz::ENDPOINT),
    On(connz::ENDPOINT),
    On(routez::ENDPOINT),
    On(gatewayz::ENDPOINT),
    On(leafz::ENDPOINT),
    On(accountz::ENDPOINT),
    On(jsz::ENDPOINT),
    On(healthz::ENDPOINT),
    On(profilez::ENDPOINT),
    On(expvarz::ENDPOINT),
    On(ipqueuesz::ENDPOINT),
    On(raftz::ENDPOINT),
    On(subsz::ACCOUNT_ENDPOINT),
    On(connz::ACCOUNT_ENDPOINT),
    On(leafz::ACCOUNT_ENDPOINT),
    On(jsz::ACCOUNT_ENDPOINT),
    On(account_info::ENDPOINT),
    On(account_statz::ENDPOINT),
    On(account_conns::ENDPOINT),
    On(user_info::ENDPOINT),
    On(account_statz::PING_ENDPOINT),
    Other("$SYS.ACCOUNT.*.LEAFNODE.CONNECT"),
    Other("$SYS.LATENCY.M2.<hash>"),
    On(subscribers::DEBUG_ENDPOINT),
    On(reload::ENDPOINT),
    On(kick::ENDPOINT),
    On(ldm::ENDPOINT),
    On(claims::OLD_ENDPOINT.only_with(Resolvers::Directory)),
    On(claims::ENDPOINT.only_with(Resolvers::Directory)),
    On(resolver::UPDATE),
    On(resolver::LOOKUP),
    On(resolver::PACK),
    On(resolver::LIST),
    On(resolver::DELETE),
    On(resolver::PACKS),
];

/// What each of them subscribes to, made once for all servers.
static SUBJECTS: LazyLock<Vec<Vec<String>>> =
    LazyLock::new(|| LISTENERS.iter().map(Listener::subjects).collect());

/// Where JetStream is reached, if one of the servers has it.
pub(super) const JETSTREAM_API: &str = "$JS.API.>";

/// Sets a server's services up.
pub(super) fn start(context: &mut Context<'_>) {
    // The system client and the sender of internal messages join the system account.
    for _ in 0..2 {
        account_conns::heartbeat(context, context.system);
    }
    let id = context.server_id();
    let hash = context.server().hash();
    let inbox = context.state.pack_inbox.clone();
    let kind = context.core.resolver_kind(context.server);
    // What all servers listen to alike, the first one brings for all.
    let is_first = !context.core.has_services(context.system);
    // The first one is taken.
    let mut sid = 1;
    for (tag, listener) in in_order_of_start(context) {
        if !listener.resolvers().hold(kind) {
            continue;
        }
        // Those of a mesh need not have the same.
        let is_own = matches!(listener.resolvers(), Resolvers::Directory | Resolvers::Full);
        for subject in &SUBJECTS[tag as usize] {
            sid += 1;
            let place = if is_own || subject.contains('<') {
                context.server
            } else if is_first {
                ServerId::EVERY
            } else {
                continue;
            };
            let subject = match subject.split_once('<') {
                Some((before, rest)) => {
                    let (name, after) = rest.split_once('>').unwrap_or((rest, ""));
                    let value = if name == "id" { &*id } else { &*hash };
                    [before, value, &after.replace("<inbox>", &inbox)].concat()
                }
                None => subject.clone(),
            };
            let tag = matches!(listener, On(_)).then_some(tag);
            let system = context.system;
            let told = listener.told();
            let queue = listener.queue();
            context
                .core
                .subscribe_service(place, system, &subject, queue, sid, tag, told);
        }
    }
    let accounts = context.server().accounts().to_vec();
    for account in accounts {
        add_account(context, account);
    }
}

/// All listeners with their tags. The endpoints of servers and those of accounts each come in an order
/// of their own.
fn in_order_of_start(context: &Context<'_>) -> Vec<(u32, &'static Listener)> {
    let mut order: Vec<_> = (0..).zip(LISTENERS).collect();
    let mut rng = core::stream(
        context.core.seed(),
        &format!("listeners {}", context.system.0),
    );
    let scope = |(_, listener): &(u32, &Listener)| match listener {
        On(endpoint) => Some(endpoint.scope),
        Other(_) => None,
    };
    for group in order.chunk_by_mut(|a, b| scope(a) == scope(b)) {
        if matches!(scope(&group[0]), Some(Scope::Server | Scope::Account)) {
            group.shuffle(&mut rng);
        }
    }
    order
}

impl Listener {
    /// Whether other servers of a cluster are told of it.
    fn told(&self) -> Told {
        match self {
            On(endpoint) if endpoint.scope == Scope::User => Told::ByOldReleases,
            On(endpoint) if endpoint.scope == subscribers::DEBUG_ENDPOINT.scope => Told::Never,
            On(_) | Other(_) => Told::Always,
        }
    }

    fn resolvers(&self) -> Resolvers {
        match self {
            On(endpoint) => endpoint.resolvers,
            Other(_) => Resolvers::Any,
        }
    }

    fn queue(&self) -> Option<&'static str> {
        match self {
            On(endpoint) => endpoint.queue,
            Other(_) => None,
        }
    }

    /// What it subscribes to.
    fn subjects(&self) -> Vec<String> {
        match self {
            On(endpoint) => endpoint.subjects("*"),
            Other(subject) => vec![(*subject).to_owned()],
        }
    }
}

/// What the system account offers to all others.
const EXPORTS: [(&str, ResponseType); 4] = [
    ("$SYS.REQ.ACCOUNT.*.CONNZ", ResponseType::Stream),
    ("$SYS.REQ.ACCOUNT.*.STATZ", ResponseType::Stream),
    ("$SYS.DEBUG.SUBSCRIBERS", ResponseType::Singleton),
    ("$SYS.REQ.USER.*.INFO", ResponseType::Singleton),
];

/// Gives an account its way to the services that are open to it.
pub(super) fn add_account(context: &mut Context<'_>, account: AccountId) {
    if context.core.has_default_imports(account) {
        // Another server of the mesh has done it for all. A thousand servers with a hundred accounts come
        // here a hundred thousand times when they start.
        if context.has_listeners() {
            account_conns::ask_others(context, account);
        } else {
            context.skip_envelope();
        }
        return;
    }
    let name = context.account_name(account);
    let system = context.system;
    // Applications without accounts may use JetStream of other servers.
    let server = context.server();
    let offers_jetstream = account == server.global
        && account != system
        && server.accounts().len() == 2
        && server.spec.has_links();
    for (subject, answers) in EXPORTS {
        context.core.offer_service(system, subject, answers);
    }
    if offers_jetstream {
        let answers = ResponseType::Singleton;
        context.core.offer_service(system, JETSTREAM_API, answers);
    }
    let user_info = format!("$SYS.REQ.USER.{name}.INFO");
    let mut import = |subject: &str, to: &str, shares_client| {
        context
            .core
            .add_default_import(account, subject, system, to, shares_client);
    };
    if account != system {
        let connz = format!("$SYS.REQ.ACCOUNT.{name}.CONNZ");
        import("$SYS.REQ.ACCOUNT.PING.CONNZ", &connz, false);
        import("$SYS.REQ.SERVER.PING.CONNZ", &connz, false);
        let statz = format!("$SYS.REQ.ACCOUNT.{name}.STATZ");
        import("$SYS.REQ.ACCOUNT.PING.STATZ", &statz, false);
    }
    import("$SYS.REQ.USER.INFO", &user_info, true);
    if offers_jetstream {
        import(JETSTREAM_API, JETSTREAM_API, true);
    }
    account_conns::ask_others(context, account);
}

/// Hands a request to the endpoint it was sent to. What came of a command is given back.
pub(super) fn dispatch(context: &mut Context<'_>, request: &Request) -> Option<Answer> {
    if context.state.silent {
        return None;
    }
    match LISTENERS.get(request.tag as usize)? {
        On(endpoint) => requests::answer(context, endpoint, request),
        Other(_) => None,
    }
}
