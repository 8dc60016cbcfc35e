//! The servers that the program is to serve: one for each configuration file.

use nats_mock::topology::{AuthOptions, ServerOptions, ServerSpec, Warning};
use nats_mock::{Builder, ConfigError, parse_conf};

use super::cluster::ClusterFlagError;
use super::flags::Flags;
use super::tls::TlsFlagError;

/// One of the servers, as it is configured.
#[derive(Clone, Debug)]
pub struct Member {
    /// The configuration file.
    pub conf: Option<String>,
    /// What the file says, overridden by the flags.
    pub options: ServerOptions,
    pub warnings: Vec<Warning>,
}

/// Why the program does not start with what it was given.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Cluster(#[from] ClusterFlagError),
    #[error(transparent)]
    Tls(#[from] TlsFlagError),
    /// One of several files is at fault.
    #[error("{path}: {error}")]
    In { path: String, error: Box<Refused> },
}

impl Refused {
    /// Names the file if there are several and the text does not say which.
    pub fn among(self, flags: &Flags, path: &str) -> Self {
        if flags.configs.len() < 2 || self.to_string().contains(path) {
            return self;
        }
        Refused::In {
            path: path.to_owned(),
            error: Box::new(self),
        }
    }
}

/// A digest as it stands behind the name of a file.
pub fn in_brackets(digest: Option<&str>) -> String {
    digest.map_or_else(String::new, |digest| format!(" ({digest})"))
}

impl Member {
    /// Reads what the flags name: every file, or none for a single server without one.
    pub fn all(flags: &Flags) -> Result<Vec<Self>, Refused> {
        if flags.configs.is_empty() {
            return Ok(vec![Self::read(flags, None)?]);
        }
        let read =
            |path: &String| Self::read(flags, Some(path)).map_err(|error| error.among(flags, path));
        flags.configs.iter().map(read).collect()
    }

    /// The options of the file, overridden by the flags.
    pub fn read(flags: &Flags, conf: Option<&str>) -> Result<Self, Refused> {
        let version = flags.simulate.unwrap_or_default();
        let (mut options, warnings) = match conf {
            Some(path) => ServerOptions::from_conf_for(&parse_conf(path)?, version)
                .map_err(ConfigError::from)?,
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
        flags.tls.apply(&mut options)?;
        flags.cluster.apply(&mut options, version)?;
        options.validate_for(version).map_err(ConfigError::from)?;
        Ok(Self {
            conf: conf.map(str::to_owned),
            options,
            warnings,
        })
    }

    /// What the configuration file says now, with the flags on top.
    pub fn read_again(flags: &Flags, conf: Option<&str>) -> Result<ServerSpec, String> {
        let member = Self::read(flags, conf).map_err(|error| error.to_string())?;
        Ok(member.builder(flags).server_spec().clone())
    }

    /// Whether nothing was said of who may log in, nor by a file that nobody need.
    pub fn is_default(&self) -> bool {
        self.conf.is_none() && self.options.authorization.is_none()
    }

    /// The server to start; without a file or credentials, the embedded default deployment.
    pub fn builder(&self, flags: &Flags) -> Builder {
        let options = self.options.clone();
        let builder = if self.is_default() {
            Builder::embedded(options)
        } else {
            Builder::from_options(options)
        };
        let builder = builder.version(flags.simulate.unwrap_or_default());
        let Some(conf) = self.conf.clone() else {
            return builder;
        };
        let flags = flags.clone();
        builder.reload_from(move || Self::read_again(&flags, Some(&conf)))
    }

    /// What a person calls the server: its name, or the file that describes it.
    pub fn shown_name(&self) -> &str {
        let name = self.options.server_name.as_deref();
        name.or(self.conf.as_deref()).unwrap_or("nats-server")
    }

    pub fn has_plain_passwords(&self) -> bool {
        let spec = ServerSpec::from_options(self.options.clone());
        spec.users()
            .any(|(_, password)| !password.starts_with("$2"))
    }
}
