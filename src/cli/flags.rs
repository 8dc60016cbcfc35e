//! The command line's flags, in the dialect of Go's `flag` package: one dash or two, `-name value`
//! or `-name=value`, and flags that are on or off take no separate value.

use std::fmt;

use nats_mock::Version;

use super::cluster::ClusterFlags;
use super::tls::TlsFlags;

/// Flags as they were given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flags {
    pub host: Option<String>,
    pub port: Option<i64>,
    pub name: Option<String>,
    /// Configuration files, one for each server.
    pub configs: Vec<String>,
    pub pid_file: Option<String>,
    pub ports_file_dir: Option<String>,
    pub client_advertise: Option<String>,
    pub cluster: ClusterFlags,
    pub tls: TlsFlags,
    pub log_file: Option<String>,
    pub logtime: Option<bool>,
    pub logtime_utc: bool,
    pub user: Option<String>,
    pub pass: Option<String>,
    pub token: Option<String>,
    pub signal: Option<String>,
    pub test_config: bool,
    pub version: bool,
    pub simulate: Option<Version>,
    pub seed: u64,
    /// Flags that have no effect here, as they were written.
    pub ignored: Vec<String>,
}

/// The port that stands for any free one.
const ANY_PORT: i64 = -1;

/// Arguments that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    Help,
    Unknown(String),
    NoValue(String),
    Invalid {
        value: String,
        flag: String,
        why: String,
    },
    /// A flag that is on or off has another value.
    InvalidSwitch {
        value: String,
        flag: String,
    },
    Command(String),
    /// It would change what the server does, and is not simulated.
    Unsupported {
        flag: String,
    },
    /// It says what only one server can be told, and there are several.
    ForOneServer {
        flag: &'static str,
        servers: usize,
    },
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseError::Help => f.write_str("help requested"),
            ParseError::Unknown(flag) => write!(f, "flag provided but not defined: -{flag}"),
            ParseError::NoValue(flag) => write!(f, "flag needs an argument: -{flag}"),
            ParseError::Invalid { value, flag, why } => {
                write!(f, "invalid value {value:?} for flag -{flag}: {why}")
            }
            ParseError::InvalidSwitch { value, flag } => {
                write!(
                    f,
                    "invalid boolean value {value:?} for -{flag}: parse error"
                )
            }
            ParseError::Command(word) => write!(f, "unrecognized command: {word:?}"),
            ParseError::Unsupported { flag } => {
                write!(f, "flag -{flag} is not supported yet by nats-mock")
            }
            ParseError::ForOneServer { flag, servers } => {
                write!(
                    f,
                    "flag -{flag} is for one server, and there are {servers} configuration files"
                )
            }
        }
    }
}

/// What a flag is for.
#[derive(Clone, Copy)]
enum Effect {
    Text(fn(&mut Flags) -> &mut Option<String>),
    Config,
    Number(fn(&mut Flags) -> &mut Option<i64>),
    Seed,
    Simulate,
    Switch(fn(&mut Flags, bool)),
    /// Takes a value, or not, and changes nothing.
    Ignored {
        takes_value: bool,
    },
    Unsupported,
}

fn effect(name: &str) -> Option<Effect> {
    use Effect::{Config, Ignored, Number, Seed, Simulate, Switch, Text, Unsupported};
    Some(match name {
        "a" | "addr" | "net" => Text(|flags| &mut flags.host),
        "p" | "port" => Number(|flags| &mut flags.port),
        "n" | "name" | "server_name" => Text(|flags| &mut flags.name),
        "c" | "config" => Config,
        "P" | "pid" => Text(|flags| &mut flags.pid_file),
        "ports_file_dir" => Text(|flags| &mut flags.ports_file_dir),
        "client_advertise" => Text(|flags| &mut flags.client_advertise),
        "l" | "log" => Text(|flags| &mut flags.log_file),
        "user" => Text(|flags| &mut flags.user),
        "pass" => Text(|flags| &mut flags.pass),
        "auth" => Text(|flags| &mut flags.token),
        "sl" | "signal" => Text(|flags| &mut flags.signal),
        "T" | "logtime" => Switch(|flags, on| flags.logtime = Some(on)),
        "logtime_utc" => Switch(|flags, on| flags.logtime_utc = on),
        "t" => Switch(|flags, on| flags.test_config = on),
        "v" | "version" => Switch(|flags, on| flags.version = on),
        "cluster" | "cluster_listen" => Text(|flags| &mut flags.cluster.listen),
        "cluster_name" => Text(|flags| &mut flags.cluster.name),
        "routes" => Text(|flags| &mut flags.cluster.routes),
        "cluster_advertise" => Text(|flags| &mut flags.cluster.advertise),
        "no_advertise" => Switch(|flags, on| flags.cluster.no_advertise = Some(on)),
        "connect_retries" => Number(|flags| &mut flags.cluster.connect_retries),
        "seed" => Seed,
        "simulate-version" => Simulate,
        "D" | "debug" | "V" | "trace" | "VV" | "DV" | "DVV" | "s" | "syslog" => {
            Ignored { takes_value: false }
        }
        "r" | "remote_syslog" | "log_size_limit" | "max_traced_msg_len" | "profile" => {
            Ignored { takes_value: true }
        }
        "m" | "http_port" | "ms" | "https_port" | "js" | "jetstream" | "sd" | "store_dir" => {
            Unsupported
        }
        "tls" => Switch(|flags, on| flags.tls.on = Some(on)),
        "tlsverify" => Switch(|flags, on| flags.tls.verify = Some(on)),
        "tlscert" => Text(|flags| &mut flags.tls.certificate),
        "tlskey" => Text(|flags| &mut flags.tls.key),
        "tlscacert" => Text(|flags| &mut flags.tls.authority),
        _ => return None,
    })
}

impl Flags {
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, ParseError> {
        let mut flags = Flags::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let Some(flag) = argument.strip_prefix('-').filter(|flag| !flag.is_empty()) else {
                return match argument.as_str() {
                    "help" => Err(ParseError::Help),
                    "version" => {
                        flags.version = true;
                        Ok(flags)
                    }
                    _ => Err(ParseError::Command(argument)),
                };
            };
            let flag = flag.strip_prefix('-').unwrap_or(flag);
            let (name, inline) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (flag, None),
            };
            if matches!(name, "h" | "help") {
                return Err(ParseError::Help);
            }
            let effect = effect(name).ok_or_else(|| ParseError::Unknown(name.to_owned()))?;
            flags.apply(name, effect, inline, &mut arguments)?;
        }
        flags.check_for_several()?;
        Ok(flags)
    }

    /// Several servers cannot have one name or one port.
    fn check_for_several(&self) -> Result<(), ParseError> {
        let servers = self.configs.len();
        if servers < 2 {
            return Ok(());
        }
        let cluster = &self.cluster;
        let given = [
            ("n", self.name.is_some()),
            ("p", self.port.is_some_and(|port| port != ANY_PORT)),
            ("client_advertise", self.client_advertise.is_some()),
            ("cluster", cluster.listen.is_some()),
            ("cluster_name", cluster.name.is_some()),
            ("cluster_advertise", cluster.advertise.is_some()),
            ("routes", cluster.routes.is_some()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((flag, _)) => Err(ParseError::ForOneServer { flag, servers }),
            None => Ok(()),
        }
    }

    fn apply(
        &mut self,
        name: &str,
        effect: Effect,
        inline: Option<String>,
        rest: &mut impl Iterator<Item = String>,
    ) -> Result<(), ParseError> {
        let invalid = |value: String, why: String| ParseError::Invalid {
            value,
            flag: name.to_owned(),
            why,
        };
        let mut value = || {
            let given = inline.clone().or_else(|| rest.next());
            given.ok_or_else(|| ParseError::NoValue(name.to_owned()))
        };
        match effect {
            Effect::Text(slot) => *slot(self) = Some(value()?),
            Effect::Config => self.configs.push(value()?),
            Effect::Number(slot) => {
                let text = value()?;
                let number = text.parse();
                *slot(self) = Some(number.map_err(|_| invalid(text, "parse error".to_owned()))?);
            }
            Effect::Seed => {
                let text = value()?;
                let seed = text.parse();
                self.seed = seed.map_err(|_| invalid(text, "parse error".to_owned()))?;
            }
            Effect::Simulate => {
                let text = value()?;
                let version = text.parse::<Version>();
                self.simulate = Some(version.map_err(|error| invalid(text, error.to_string()))?);
            }
            Effect::Switch(set) => {
                let on = match inline.as_deref() {
                    None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => true,
                    Some("0" | "f" | "F" | "false" | "FALSE" | "False") => false,
                    Some(other) => {
                        return Err(ParseError::InvalidSwitch {
                            value: other.to_owned(),
                            flag: name.to_owned(),
                        });
                    }
                };
                set(self, on);
            }
            Effect::Ignored { takes_value } => {
                if takes_value {
                    value()?;
                }
                self.ignored.push(name.to_owned());
            }
            Effect::Unsupported => {
                return Err(ParseError::Unsupported {
                    flag: name.to_owned(),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Flags, ParseError> {
        Flags::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn takes_every_way_to_write_a_flag() {
        for line in ["-p 4333", "--port 4333", "-port=4333", "--p=4333"] {
            assert_eq!(parse(line).unwrap().port, Some(4333), "{line}");
        }
        assert_eq!(parse("-p -1").unwrap().port, Some(-1));
        assert_eq!(parse("-T=false").unwrap().logtime, Some(false));
        assert_eq!(parse("-DV --logtime").unwrap().ignored, ["DV"]);
    }

    #[test]
    fn takes_the_flags_of_a_cluster() {
        let flags = parse(
            "--cluster nats://h:1 --cluster_listen nats://i:2 --routes a,b --cluster_name c \
             --cluster_advertise d --no_advertise --connect_retries 3",
        );
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            flags.unwrap().cluster,
            ClusterFlags {
                listen: text("nats://i:2"),
                routes: text("a,b"),
                name: text("c"),
                advertise: text("d"),
                no_advertise: Some(true),
                connect_retries: Some(3),
            }
        );
    }

    #[test]
    fn several_servers_cannot_be_told_what_is_for_one() {
        let several = "-c a.conf --config=b.conf -p -1 -a ::1 --no_advertise --connect_retries 3";
        assert_eq!(parse(several).unwrap().configs, ["a.conf", "b.conf"]);
        for flag in [
            "n",
            "p",
            "client_advertise",
            "cluster",
            "cluster_name",
            "cluster_advertise",
            "routes",
        ] {
            assert!(parse(&format!("-c a.conf -{flag} 1")).is_ok(), "{flag}");
            assert_eq!(
                parse(&format!("-c a.conf -{flag} 1 -c b.conf"))
                    .unwrap_err()
                    .to_string(),
                format!("flag -{flag} is for one server, and there are 2 configuration files")
            );
        }
    }

    #[test]
    fn says_what_is_wrong_in_the_words_of_go() {
        for (line, text) in [
            ("-foo", "flag provided but not defined: -foo"),
            ("--name", "flag needs an argument: -name"),
            ("-p abc", "invalid value \"abc\" for flag -p: parse error"),
            (
                "-no_advertise=maybe",
                "invalid boolean value \"maybe\" for -no_advertise: parse error",
            ),
            (
                "-connect_retries x",
                "invalid value \"x\" for flag -connect_retries: parse error",
            ),
            ("extra", "unrecognized command: \"extra\""),
            ("-js", "flag -js is not supported yet by nats-mock"),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), text, "{line}");
        }
    }

    #[test]
    fn knows_only_versions_with_a_profile() {
        assert_eq!(
            parse("--simulate-version 2.10.26").unwrap().simulate,
            Some(Version::V2_10)
        );
        assert!(parse("--simulate-version 1.0").is_err());
    }
}
