//! `nats-mock sweep`: a command under everything that can go wrong.

use std::fmt::Display;
use std::process::{ExitCode, Output, Stdio};
use std::time::Duration;

use nats_mock::incidents::Incident;
use nats_mock::sweep::{Plan, Report, Sweep};
use nats_mock::{Builder, MockNats, Version, sweep};
use tokio::process::Command;

use super::subcommand::{conf_files, flag};

/// What `nats-mock sweep --help` says.
const USAGE: &str = "\
Usage: nats-mock sweep [options] -- COMMAND [ARGUMENT ...]

Runs a command again and again, each time against a deployment of its own in which something goes wrong, and
says what it did not survive: an exit code other than 0, a crash, or no end. In the command, {url} stands for
the URL of the first server with the credentials of the system account, {url:USER} for that with a user's,
and {urls} for those of all servers with the credentials of the system account.

    -c, --config <file>              A configuration file, for each server one
        --servers <number>           Without a file: so many servers in a cluster (default: 3)
        --simulate-version <version> Release of the servers (default: the newest)
        --seed <number>              Seed of the deployment and of what is drawn (default: 0)
        --incident <name>            Try this incident; may be repeated. --incident help lists them all
        --plans <number>             Try so many random plans of several faults
        --mutations                  Try every change of a single field of what the command asks for
        --plan <plan>                Try this plan, as one that a failure names
        --allow-exit <code>,...      Exit codes that are no failure besides 0; any for all of them
        --show                       Print what the command prints, on standard error
        --timeout <seconds>          How long the command may take (default: ten times what it takes
                                     without any trouble, and two seconds more)
    -h, --help                       Show this message

Without a choice each incident, 20 plans and all mutations are tried.
";

/// What is to be tried.
#[derive(Debug, Default)]
struct Request {
    files: Vec<String>,
    servers: Option<usize>,
    version: Version,
    seed: u64,
    incidents: Vec<Incident>,
    plans: u64,
    mutations: bool,
    given: Vec<Plan>,
    allowed: Allowed,
    timeout: Option<Duration>,
    show: bool,
    command: Vec<String>,
}

/// Exit codes that are no failure.
#[derive(Clone, Debug, Default, PartialEq)]
struct Allowed {
    any: bool,
    codes: Vec<i32>,
}

/// Why there is nothing to be tried.
enum Stop {
    Help,
    Incidents,
    Wrong(String),
}

/// Tries what the arguments after `sweep` ask for.
pub fn run(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.into_iter().collect();
    let request = match Request::parse(&arguments) {
        Ok(request) => request,
        Err(Stop::Help) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(Stop::Incidents) => {
            for incident in Incident::each() {
                println!("{:24} {}", incident.name(), incident.reports().join(" "));
            }
            return ExitCode::SUCCESS;
        }
        Err(Stop::Wrong(error)) => {
            eprintln!("nats-mock sweep: {error}");
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match request.sweep(&arguments) {
        Ok(report) => {
            print!("{report}");
            ExitCode::from(u8::from(!report.is_survived()))
        }
        Err(error) => {
            eprintln!("nats-mock sweep: {error}");
            ExitCode::from(2)
        }
    }
}

impl Request {
    fn parse(arguments: &[String]) -> Result<Self, Stop> {
        let mut request = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                request.command = arguments.by_ref().cloned().collect();
                break;
            }
            let (name, inline) = flag(argument).map_err(Stop::Wrong)?;
            match name {
                "h" | "help" => return Err(Stop::Help),
                "mutations" => {
                    request.mutations = true;
                    continue;
                }
                "show" => {
                    request.show = true;
                    continue;
                }
                _ if !Self::takes_value(name) => {
                    return Err(Stop::Wrong(format!(
                        "flag provided but not defined: -{name}"
                    )));
                }
                _ => {}
            }
            let value = inline.or_else(|| arguments.next().cloned());
            let value =
                value.ok_or_else(|| Stop::Wrong(format!("flag needs an argument: -{name}")))?;
            request.set(name, value)?;
        }
        if request.command.is_empty() {
            return Err(Stop::Wrong("no command is given; it follows --".to_owned()));
        }
        Ok(request)
    }

    fn takes_value(name: &str) -> bool {
        const NAMES: [&str; 10] = [
            "c",
            "config",
            "servers",
            "simulate-version",
            "seed",
            "incident",
            "plans",
            "plan",
            "allow-exit",
            "timeout",
        ];
        NAMES.contains(&name)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), Stop> {
        let wrong = |error: &dyn Display| {
            Stop::Wrong(format!("invalid value {value:?} for flag -{name}: {error}"))
        };
        match name {
            "servers" => {
                let servers = value.parse().map_err(|error| wrong(&error))?;
                if servers == 0 {
                    return Err(wrong(&"at least one is needed"));
                }
                self.servers = Some(servers);
            }
            "simulate-version" => self.version = value.parse().map_err(|error| wrong(&error))?,
            "seed" => self.seed = value.parse().map_err(|error| wrong(&error))?,
            "plans" => self.plans = value.parse().map_err(|error| wrong(&error))?,
            "plan" => self
                .given
                .push(value.parse().map_err(|error| wrong(&error))?),
            "timeout" => {
                let seconds: f64 = value.parse().map_err(|error| wrong(&error))?;
                let timeout = Duration::try_from_secs_f64(seconds);
                self.timeout = Some(timeout.map_err(|error| wrong(&error))?);
            }
            "allow-exit" if value == "any" => self.allowed.any = true,
            "allow-exit" => {
                for code in value.split(',') {
                    let code = code.trim().parse().map_err(|error| wrong(&error))?;
                    self.allowed.codes.push(code);
                }
            }
            "incident" if value == "help" => return Err(Stop::Incidents),
            "incident" => {
                let mut known = Incident::each().into_iter();
                let found = known.find(|incident| incident.name() == value);
                let found = found.ok_or_else(|| wrong(&"there is no such incident"))?;
                self.incidents.push(found);
            }
            _ => self.files.push(value),
        }
        Ok(())
    }

    fn deployment(&self) -> Result<Builder, String> {
        let builder = if self.files.is_empty() {
            let builder = MockNats::builder().version(self.version);
            builder.cluster("east", self.servers.unwrap_or(3))
        } else {
            conf_files(&self.files, self.version)?
        };
        Ok(builder.seed(self.seed))
    }

    fn sweep(self, arguments: &[String]) -> Result<Report, String> {
        let (command, allowed, show) = (self.command.clone(), self.allowed.clone(), self.show);
        let test = async move |nats: &MockNats| {
            let output = run_command(&command, nats).await?;
            if show {
                eprint!("{}", String::from_utf8_lossy(&output.stdout));
                eprint!("{}", String::from_utf8_lossy(&output.stderr));
                eprintln!("-- {}", output.status);
            }
            judged(&output, &allowed)
        };
        let words = self.words_of_replay(arguments);
        let mut sweep = sweep(self.deployment()?, test).replayed_by(move |plan| {
            let plan = quoted(&plan.to_string());
            let (before, after) = &words;
            format!("nats-mock sweep {before}--plan {plan} -- {after}")
        });
        if let Some(timeout) = self.timeout {
            sweep = sweep.time_limit(timeout);
        }
        Ok(self.chosen(sweep).run_blocking())
    }

    fn chosen<T, E>(self, mut sweep: Sweep<T>) -> Sweep<T>
    where
        T: AsyncFn(&MockNats) -> Result<(), E>,
        E: Display,
    {
        let is_chosen = !self.incidents.is_empty()
            || self.plans > 0
            || self.mutations
            || !self.given.is_empty();
        if !is_chosen {
            return sweep.incidents().plans(20).mutations();
        }
        for incident in self.incidents {
            sweep = sweep.incident(incident);
        }
        for plan in self.given {
            sweep = sweep.plan(plan);
        }
        if self.mutations {
            sweep = sweep.mutations();
        }
        sweep.plans(self.plans)
    }

    /// The options that are about the deployment and not about what is tried, and the command.
    fn words_of_replay(&self, arguments: &[String]) -> (String, String) {
        let options = arguments.split(|argument| argument == "--").next();
        let mut options = options.unwrap_or_default().iter();
        let mut kept = String::new();
        while let Some(option) = options.next() {
            let Ok((name, inline)) = flag(option) else {
                continue;
            };
            let has_value = inline.is_none() && Self::takes_value(name);
            let value = has_value.then(|| options.next()).flatten();
            if matches!(
                name,
                "incident" | "plans" | "plan" | "mutations" | "seed" | "show"
            ) {
                continue;
            }
            for word in std::iter::once(option).chain(value) {
                kept += &quoted(word);
                kept.push(' ');
            }
        }
        let command: Vec<_> = self.command.iter().map(|word| quoted(word)).collect();
        (kept, command.join(" "))
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+{}".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Runs the command once.
async fn run_command(words: &[String], nats: &MockNats) -> Result<Output, String> {
    let words: Vec<String> = words.iter().map(|word| filled_in(word, nats)).collect();
    let (program, arguments) = words.split_first().ok_or("no command")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await;
    output.map_err(|error| format!("cannot run {program:?}: {error}"))
}

/// The word with URLs in place of what stands for them.
fn filled_in(word: &str, nats: &MockNats) -> String {
    let mut filled = String::new();
    let mut rest = word;
    while let Some((before, placeholder, after)) = next_placeholder(rest) {
        filled += before;
        filled += &match placeholder {
            "urls" => {
                let urls: Vec<_> = nats.servers().map(|server| server.system_url()).collect();
                urls.join(",")
            }
            "url" => nats.system_url(),
            user => nats.url_for(user.trim_start_matches("url:")),
        };
        rest = after;
    }
    filled + rest
}

/// The text before the first placeholder, that, and the text after it.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, after) = text.split_once("{url")?;
    let end = after.find('}')?;
    let start = before.len() + 1;
    let placeholder = &text[start..before.len() + 4 + end];
    let is_known = matches!(placeholder, "url" | "urls") || placeholder.starts_with("url:");
    is_known.then(|| (before, placeholder, &after[end + 1..]))
}

/// What programs say on standard error when they crash.
const CRASHES: [&str; 9] = [
    "panic:",
    "panicked at",
    "fatal error:",
    "SIGSEGV",
    "Traceback (most recent call last)",
    "nil pointer dereference",
    "Unhandled exception",
    "UnhandledPromiseRejection",
    "core dumped",
];

/// What went wrong with a run of the command, if anything did.
fn judged(output: &Output, allowed: &Allowed) -> Result<(), String> {
    let errors = String::from_utf8_lossy(&output.stderr);
    let crash = errors
        .lines()
        .find(|line| CRASHES.iter().any(|crash| line.contains(crash)));
    if let Some(line) = crash {
        return Err(format!("it crashed: {line}"));
    }
    let Some(code) = output.status.code() else {
        return Err(format!("it ended with {}", output.status));
    };
    if code == 0 || allowed.any || allowed.codes.contains(&code) {
        return Ok(());
    }
    let said = errors.lines().rev().find(|line| !line.trim().is_empty());
    Err(match said {
        Some(line) => format!("exit code {code}: {line}"),
        None => format!("exit code {code}"),
    })
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Request::parse(&words).map_err(|stop| match stop {
            Stop::Wrong(error) => error,
            Stop::Help => "help".to_owned(),
            Stop::Incidents => "incidents".to_owned(),
        })
    }

    #[test]
    fn options_end_where_the_command_begins() {
        let request = parsed("--servers=2 --plans 7 --incident lost-route -- tool --plans {url}");
        let request = request.unwrap();
        assert_eq!((request.servers, request.plans), (Some(2), 7));
        assert_eq!(request.incidents, [Incident::LostRoute]);
        assert_eq!(request.command, ["tool", "--plans", "{url}"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, error) in [
            ("--plans 7", "no command is given; it follows --"),
            ("tool", "unrecognized argument: \"tool\""),
            ("--colour -- tool", "flag provided but not defined: -colour"),
            ("--plans", "flag needs an argument: -plans"),
            (
                "--servers 0 -- tool",
                "invalid value \"0\" for flag -servers: at least one is needed",
            ),
            (
                "--incident flood -- tool",
                "invalid value \"flood\" for flag -incident: there is no such incident",
            ),
            ("--help", "help"),
            ("--incident help", "incidents"),
        ] {
            assert_eq!(parsed(line).unwrap_err(), error, "{line}");
        }
    }

    #[test]
    fn a_replay_has_the_same_deployment_and_command() {
        let line = "--servers 2 --plans 7 --seed 3 --allow-exit=1,2 --mutations -- sh -c it's";
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let request = Request::parse(&words).ok().unwrap();
        let (before, after) = request.words_of_replay(&words);
        assert_eq!(before, "--servers 2 --allow-exit=1,2 ");
        assert_eq!(after, r"sh -c 'it'\''s'");
    }

    #[test]
    fn urls_are_filled_in() {
        let nats = MockNats::builder()
            .cluster("east", 2)
            .start_blocking()
            .unwrap();
        let (first, second) = (nats.system_url(), nats.server("east-2").system_url());
        assert_eq!(
            filled_in("--server={url}!", &nats),
            format!("--server={first}!")
        );
        assert_eq!(filled_in("{urls}", &nats), format!("{first},{second}"));
        assert_eq!(filled_in("{url:a}{url}", &nats), nats.url_for("a") + &first);
        assert_eq!(filled_in("{urn} {url", &nats), "{urn} {url");
    }

    #[test]
    fn exit_codes_signals_and_crashes_are_failures() {
        let judged = |status: i32, errors: &str, allowed: Allowed| {
            let output = Output {
                status: ExitStatus::from_raw(status),
                stdout: Vec::new(),
                stderr: errors.as_bytes().to_vec(),
            };
            judged(&output, &allowed)
        };
        let none = Allowed::default;
        let any = || Allowed {
            any: true,
            ..none()
        };
        let two = || Allowed {
            codes: vec![2],
            ..none()
        };
        assert_eq!(judged(0, "warning", none()), Ok(()));
        assert_eq!(
            judged(2 << 8, "one\n\ntwo\n\n", none()),
            Err("exit code 2: two".to_owned())
        );
        assert_eq!(judged(2 << 8, "", two()), Ok(()));
        assert_eq!(judged(3 << 8, "", two()), Err("exit code 3".to_owned()));
        let crash = "a\npanic: runtime error\nb";
        let crashed = Err("it crashed: panic: runtime error".to_owned());
        assert_eq!(judged(2 << 8, crash, any()), crashed);
        assert!(judged(11, "", any()).unwrap_err().contains("signal: 11"));
    }
}
