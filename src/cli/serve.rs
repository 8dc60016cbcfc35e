//! Serving until told to stop.

use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::task::Poll;

use nats_mock::topology::{AuthOptions, ServerOptions, ServerSpec, Warning};
use nats_mock::{Builder, ConfigError, MockNats, StartError, Version, parse_conf};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::cluster::ClusterFlagError;
use super::flags::Flags;
use super::log::Log;

/// Starts the server and follows signals until it has stopped.
pub fn serve(flags: &Flags) -> ExitCode {
    let (options, warnings) = match options(flags) {
        Ok(read) => read,
        Err(error) => {
            eprintln!("nats-server: {error}");
            return ExitCode::FAILURE;
        }
    };
    let log = match Log::new(
        options.log_file.as_deref(),
        options.logtime.unwrap_or(true),
        options.logtime_utc,
    ) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("error opening file: {error}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(flags, options, &warnings, &log)),
        Err(error) => {
            log.fatal(format!("cannot start: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Why the program does not start with what it was given.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Cluster(#[from] ClusterFlagError),
}

/// The options of the file, overridden by the flags.
fn options(flags: &Flags) -> Result<(ServerOptions, Vec<Warning>), Refused> {
    let version = flags.simulate.unwrap_or_default();
    let (mut options, warnings) = match &flags.config {
        Some(path) => {
            ServerOptions::from_conf_for(&parse_conf(path)?, version).map_err(ConfigError::from)?
        }
        None => (ServerOptions::default(), Vec::new()),
    };
    let given = |flag: &Option<String>, option: &mut Option<String>| {
        if flag.is_some() {
            option.clone_from(flag);
        }
    };
    given(&flags.host, &mut options.host);
    given(&flags.name, &mut options.server_name);
    given(&flags.pid_file, &mut options.pid_file);
    given(&flags.ports_file_dir, &mut options.ports_file_dir);
    given(&flags.client_advertise, &mut options.client_advertise);
    given(&flags.log_file, &mut options.log_file);
    options.port = flags.port.or(options.port);
    options.logtime = flags.logtime.or(options.logtime);
    options.logtime_utc |= flags.logtime_utc;
    if flags.user.is_some() || flags.token.is_some() {
        options.authorization = Some(AuthOptions {
            user: flags.user.clone(),
            password: flags.pass.clone(),
            token: flags.token.clone(),
            ..AuthOptions::default()
        });
    }
    flags.cluster.apply(&mut options, version)?;
    options.validate_for(version).map_err(ConfigError::from)?;
    Ok((options, warnings))
}

/// The server to start; without a file or credentials, the embedded default deployment.
fn builder(flags: &Flags, options: ServerOptions) -> (Builder, bool) {
    let is_default = flags.config.is_none() && options.authorization.is_none();
    let builder = if is_default {
        Builder::embedded(options)
    } else {
        Builder::from_options(options)
    };
    let builder = builder
        .version(flags.simulate.unwrap_or_default())
        .seed(flags.seed)
        // Nobody is there to look at it.
        .history(0)
        .utc_offset(local_utc_offset());
    (builder, is_default)
}

fn local_utc_offset() -> i32 {
    jiff::ZonedDateTime::now().offset().seconds()
}

async fn run(flags: &Flags, options: ServerOptions, warnings: &[Warning], log: &Log) -> ExitCode {
    let version = flags.simulate.unwrap_or_default();
    let files = Files {
        pid: options.pid_file.clone(),
        ports_dir: options.ports_file_dir.clone(),
    };
    let has_plain_passwords = has_plain_passwords(&options);
    let digest = options.config_digest.clone();
    let (mut builder, is_default) = builder(flags, options);
    if flags.config.is_some() {
        let flags = flags.clone();
        builder = builder.reload_from(move || read_again(&flags));
    }
    // Signals that come early are to stop the server, not the program.
    let orders = match orders() {
        Ok(orders) => orders,
        Err(error) => {
            log.fatal(format!("cannot listen for signals: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let nats = match builder.start().await {
        Ok(nats) => nats,
        Err(error) => {
            log.info("Starting nats-server");
            log_start_error(log, &error);
            return ExitCode::FAILURE;
        }
    };
    let spec = nats.server_spec();
    let id = nats.server_id();
    log.info("Starting nats-server");
    log.info(format!("  Version:  {version}"));
    log.info(format!("  Git:      [{}]", version.git_commit()));
    log.info(format!("  Name:     {}", spec.name.as_ref().unwrap_or(&id)));
    log.info(format!("  ID:       {id}"));
    if has_plain_passwords {
        log.warn("Plaintext passwords detected, use nkeys or bcrypt");
    }
    for warning in warnings {
        log.warn(warning.to_string());
    }
    if !flags.ignored.is_empty() {
        let flags: Vec<_> = flags
            .ignored
            .iter()
            .map(|flag| format!("-{flag}"))
            .collect();
        log.warn(format!(
            "Flags without effect in a simulation: {}",
            flags.join(", ")
        ));
    }
    if let Some(path) = &flags.config {
        let digest = digest.map_or_else(String::new, |digest| format!(" ({digest})"));
        log.info(format!("Using configuration file: {path}{digest}"));
    }
    log.info(format!(
        "Listening for client connections on {}",
        nats.address()
    ));
    log.info("Server is ready");
    if is_default {
        say_how_to_connect(&nats);
    }
    if let Err(error) = files.write(&nats) {
        log.error(error);
    }
    let code = follow(orders, flags, &nats, log, version).await;
    files.remove();
    log.info("Server Exiting..");
    drop(nats);
    code
}

fn has_plain_passwords(options: &ServerOptions) -> bool {
    let spec = nats_mock::topology::ServerSpec::from_options(options.clone());
    spec.users()
        .any(|(_, password)| !password.starts_with("$2"))
}

fn log_start_error(log: &Log, error: &StartError) {
    match error {
        StartError::Listen { address, source } => {
            let why = match source.kind() {
                std::io::ErrorKind::AddrInUse => "address already in use".to_owned(),
                _ => source.to_string(),
            };
            log.fatal(format!(
                "Error listening on port: {address}, \"listen tcp {address}: bind: {why}\""
            ));
        }
        other => log.fatal(other.to_string()),
    }
}

/// What a person needs who has started the program to try it.
fn say_how_to_connect(nats: &MockNats) {
    let port = nats.address().port();
    println!("Application account USERS, no credentials needed: nats://127.0.0.1:{port}");
    println!("System account SYS:  nats://admin:changeit@127.0.0.1:{port}");
    println!("Try:  nats --server nats://admin:changeit@127.0.0.1:{port} server list");
}

/// What the program is told from outside.
#[derive(Clone, Copy, Debug)]
enum Order {
    Interrupt,
    Terminate,
    LameDuck,
    Reload,
    Reopen,
}

impl Order {
    /// The signal's name as Go prints it.
    fn name(self) -> &'static str {
        match self {
            Order::Interrupt => "interrupt",
            Order::Terminate => "terminated",
            Order::LameDuck => "user defined signal 2",
            Order::Reload => "hangup",
            Order::Reopen => "user defined signal 1",
        }
    }
}

/// Listens for every signal that has a meaning.
fn orders() -> std::io::Result<mpsc::UnboundedReceiver<Order>> {
    let (sender, orders) = mpsc::unbounded_channel();
    for (kind, order) in [
        (SignalKind::interrupt(), Order::Interrupt),
        (SignalKind::terminate(), Order::Terminate),
        (SignalKind::user_defined2(), Order::LameDuck),
        (SignalKind::hangup(), Order::Reload),
        (SignalKind::user_defined1(), Order::Reopen),
    ] {
        let mut signals = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() && sender.send(order).is_ok() {}
        });
    }
    Ok(orders)
}

/// Does what the signals say until the server has stopped.
async fn follow(
    mut orders: mpsc::UnboundedReceiver<Order>,
    flags: &Flags,
    nats: &MockNats,
    log: &Log,
    version: Version,
) -> ExitCode {
    let mut stopped = pin!(nats.stopped());
    loop {
        let next = poll_fn(|context| {
            if stopped.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            orders.poll_recv(context)
        });
        let Some(order) = next.await else {
            break;
        };
        log.info(format!("Trapped {:?} signal", order.name()));
        match order {
            Order::LameDuck => {
                log.info("Entering lame duck mode, stop accepting new clients");
                nats.lame_duck();
                // What comes now has to wait until the last client has left.
                nats.stopped().await;
                break;
            }
            Order::Reload => reload(flags, nats, log),
            Order::Reopen => {}
            Order::Interrupt | Order::Terminate => {
                log.info("Initiating Shutdown...");
                nats.stop();
                return match order {
                    Order::Terminate => ExitCode::from(version.exit_code_after_term()),
                    _ => ExitCode::SUCCESS,
                };
            }
        }
    }
    log.info("Initiating Shutdown...");
    ExitCode::SUCCESS
}

/// What the configuration file says now, with the flags on top.
fn read_again(flags: &Flags) -> Result<ServerSpec, String> {
    let (options, _) = options(flags).map_err(|error| error.to_string())?;
    let (builder, _) = builder(flags, options);
    Ok(builder.server_spec().clone())
}

fn reload(flags: &Flags, nats: &MockNats, log: &Log) {
    if flags.config.is_none() {
        log.error("Failed to reload server configuration: can only reload config when a file is provided using -c or --config");
        return;
    }
    let reloaded =
        read_again(flags).and_then(|spec| nats.reload(spec).map_err(|error| error.to_string()));
    match reloaded {
        Ok(()) => {
            let digest = nats.server_spec().config_digest;
            let digest = digest.map_or_else(String::new, |digest| format!(" ({digest})"));
            log.info(format!("Reloaded server configuration{digest}"));
        }
        Err(error) => log.error(format!("Failed to reload server configuration: {error}")),
    }
}

/// The files that tell others about the process.
struct Files {
    pid: Option<String>,
    ports_dir: Option<String>,
}

impl Files {
    fn write(&self, nats: &MockNats) -> Result<(), String> {
        if let Some(path) = &self.pid {
            std::fs::write(path, std::process::id().to_string())
                .map_err(|error| format!("Unable to write pid file {path}: {error}"))?;
        }
        if let Some(path) = self.ports_file() {
            let ports = format!("{{\"nats\":[\"nats://{}\"]}}", nats.address());
            // Whoever waits for the file must never see half of it.
            let unfinished = path.with_extension("tmp");
            std::fs::write(&unfinished, ports)
                .and_then(|()| std::fs::rename(&unfinished, &path))
                .map_err(|error| {
                    format!("Error writing ports file ({}): {error}", path.display())
                })?;
        }
        Ok(())
    }

    fn remove(&self) {
        if let Some(path) = self.ports_file() {
            // It may have been removed by whoever read it.
            let _ = std::fs::remove_file(path);
        }
    }

    fn ports_file(&self) -> Option<PathBuf> {
        let program = std::env::args().next()?;
        let program = PathBuf::from(program).file_name()?.to_owned();
        let name = format!("{}_{}.ports", program.to_string_lossy(), std::process::id());
        Some(PathBuf::from(self.ports_dir.as_ref()?).join(name))
    }
}
