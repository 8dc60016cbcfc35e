//! Serving until told to stop.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::process::ExitCode;
use std::task::Poll;

use nats_mock::topology::Unreached;
use nats_mock::{Builder, MockNats, Server, StartError};
use tokio::sync::mpsc;

use super::files::Files;
use super::flags::Flags;
use super::log::Log;
use super::member::{Member, in_brackets};
use super::orders::{Order, orders};
use super::startup::{announce, announce_failure, say_how_to_connect};

/// Starts the servers and follows signals until they have stopped.
pub fn serve(flags: &Flags) -> ExitCode {
    let members = match Member::all(flags) {
        Ok(members) => members,
        Err(error) => {
            eprintln!("nats-server: {error}");
            return ExitCode::FAILURE;
        }
    };
    let logs = match Log::all(&members) {
        Ok(logs) => logs,
        Err(error) => {
            eprintln!("error opening file: {error}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(flags, &members, &logs)),
        Err(error) => {
            eprintln!("nats-server: cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

fn local_utc_offset() -> i32 {
    jiff::ZonedDateTime::now().offset().seconds()
}

/// All servers as one deployment.
fn deployment(flags: &Flags, members: &[Member]) -> Builder {
    let mut builders = members.iter().map(|member| member.builder(flags));
    let first = builders.next().unwrap_or_default();
    builders
        .fold(first, Builder::and)
        .seed(flags.seed)
        // Nobody is there to look at it.
        .history(0)
        .utc_offset(local_utc_offset())
}

async fn run(flags: &Flags, members: &[Member], logs: &[Log]) -> ExitCode {
    // Signals that come early are to stop the servers, not the program.
    let orders = match orders() {
        Ok(orders) => orders,
        Err(error) => {
            eprintln!("nats-server: cannot listen for signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (nats, unreached) = match start(deployment(flags, members)).await {
        Ok(started) => started,
        // This, servers find out before they have a log.
        Err(StartError::Accounts { reason, .. }) => {
            eprintln!("nats-server: {reason}");
            return ExitCode::FAILURE;
        }
        Err(error) => {
            announce_failure(members, logs, &error);
            return ExitCode::FAILURE;
        }
    };
    let served: Vec<_> = std::iter::zip(std::iter::zip(members, logs), nats.servers())
        .map(|((member, log), server)| Served {
            member,
            log,
            server,
        })
        .collect();
    for (place, served) in served.iter().enumerate() {
        let unreached: Vec<_> = unreached
            .iter()
            .filter(|it| it.server == served.name_or_place(place))
            .cloned()
            .collect();
        announce(flags, served.member, &served.server, &unreached, served.log);
    }
    if members.iter().any(Member::is_default) {
        say_how_to_connect(&nats);
    }
    let files = Files::of(members);
    for error in files.write(&nats) {
        served.iter().take(1).for_each(|it| it.log.error(&error));
    }
    let code = follow(orders, flags, &nats, &served).await;
    files.remove();
    code
}

/// Starts the deployment; also tells what leads nowhere.
async fn start(builder: Builder) -> Result<(MockNats, Vec<Unreached>), StartError> {
    let unreached = builder.unreached()?;
    Ok((builder.start().await?, unreached))
}

/// A server while it is served.
struct Served<'a> {
    member: &'a Member,
    log: &'a Log,
    server: Server<'a>,
}

impl Served<'_> {
    /// How the deployment calls it when it speaks of its configuration.
    fn name_or_place(&self, place: usize) -> String {
        let name = self.member.options.server_name.clone();
        name.unwrap_or_else(|| format!("server {}", place + 1))
    }

    fn stopped(&self) -> Stopped<'_> {
        Box::pin(self.server.stopped())
    }

    fn reload(&self, flags: &Flags) {
        let Some(conf) = &self.member.conf else {
            self.log.error("Failed to reload server configuration: can only reload config when a file is provided using -c or --config");
            return;
        };
        let reloaded = Member::read_again(flags, Some(conf))
            .and_then(|spec| self.server.reload(spec).map_err(|error| error.to_string()));
        match reloaded {
            Ok(()) => {
                let digest = self.server.spec().config_digest;
                let digest = in_brackets(digest.as_deref());
                self.log
                    .info(format!("Reloaded server configuration{digest}"));
            }
            Err(error) => self
                .log
                .error(format!("Failed to reload server configuration: {error}")),
        }
    }

    fn say_goodbye(&self) {
        self.log.info("Initiating Shutdown...");
        self.log.info("Server Exiting..");
    }
}

type Stopped<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// What comes next.
enum Next {
    Order(Order),
    /// A server has stopped, by its place among those that were running.
    Stopped(usize),
}

/// Does what the signals say until all servers have stopped.
async fn follow(
    mut orders: mpsc::UnboundedReceiver<Order>,
    flags: &Flags,
    nats: &MockNats,
    served: &[Served<'_>],
) -> ExitCode {
    let version = flags.simulate.unwrap_or_default();
    let mut running: Vec<_> = served.iter().map(|it| (it, it.stopped())).collect();
    let mut is_leaving = false;
    while !running.is_empty() {
        let next = poll_fn(|context| {
            for (place, (_, stopped)) in running.iter_mut().enumerate() {
                if stopped.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Some(Next::Stopped(place)));
                }
            }
            // What comes in lame duck mode has to wait until the last client has left.
            if is_leaving {
                return Poll::Pending;
            }
            orders
                .poll_recv(context)
                .map(|order| order.map(Next::Order))
        });
        let order = match next.await {
            Some(Next::Stopped(place)) => {
                running.remove(place).0.say_goodbye();
                continue;
            }
            Some(Next::Order(order)) => order,
            None => break,
        };
        if version.logs_signals() {
            for (served, _) in &running {
                served
                    .log
                    .info(format!("Trapped {:?} signal", order.name()));
            }
        }
        match order {
            Order::LameDuck => {
                for (served, _) in &running {
                    served
                        .log
                        .info("Entering lame duck mode, stop accepting new clients");
                    served.server.lame_duck();
                }
                is_leaving = true;
            }
            Order::Reload => running.iter().for_each(|(it, _)| it.reload(flags)),
            Order::Reopen => {}
            Order::Interrupt | Order::Terminate => {
                running
                    .iter()
                    .for_each(|(it, _)| it.log.info("Initiating Shutdown..."));
                nats.stop();
                running
                    .iter()
                    .for_each(|(it, _)| it.log.info("Server Exiting.."));
                return match order {
                    Order::Terminate => ExitCode::from(version.exit_code_after_term()),
                    _ => ExitCode::SUCCESS,
                };
            }
        }
    }
    ExitCode::SUCCESS
}
