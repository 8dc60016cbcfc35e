//! `nats-mock graph`: the deployment that configuration files describe, as a picture.

use std::fmt::Display;
use std::process::ExitCode;

use nats_mock::Version;
use nats_mock::picture::Picture;

use super::subcommand::{conf_files, flag};

/// What `nats-mock graph --help` says.
const USAGE: &str = "\
Usage: nats-mock graph -c <file> [-c <file> ...] [options]

Shows the deployment that configuration files of nats-server describe: servers, clusters and the links
between them. What a file connects to and no other file listens for is reported.

    -c, --config <file>              A configuration file, for each server one
        --svg <file>                 Write the picture to a file, as SVG; - is the standard output
        --simulate-version <version> Release that reads the files (default: the newest)
    -h, --help                       Show this message
";

/// What is to be shown, and where.
#[derive(Debug, Default, PartialEq)]
struct Request {
    files: Vec<String>,
    svg: Option<String>,
    version: Version,
}

/// Shows the picture that the arguments after `graph` ask for.
pub fn run(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    let request = match Request::parse(arguments) {
        Ok(Some(request)) => request,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            fail(&error);
            eprint!("{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    let shown = request.show();
    shown.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

fn fail(error: &dyn Display) -> ExitCode {
    eprintln!("nats-mock graph: {error}");
    ExitCode::FAILURE
}

impl Request {
    /// Reads the arguments; nothing when they ask for help.
    fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Option<Self>, String> {
        let mut request = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let (name, inline) = flag(&argument)?;
            if matches!(name, "h" | "help") {
                return Ok(None);
            }
            if !matches!(name, "c" | "config" | "svg" | "simulate-version") {
                return Err(format!("flag provided but not defined: -{name}"));
            }
            let value = inline.or_else(|| arguments.next());
            let value = value.ok_or_else(|| format!("flag needs an argument: -{name}"))?;
            match name {
                "svg" => request.svg = Some(value),
                "simulate-version" => {
                    let version = value.parse();
                    request.version = version.map_err(|error| {
                        format!("invalid value {value:?} for flag -{name}: {error}")
                    })?;
                }
                _ => request.files.push(value),
            }
        }
        if request.files.is_empty() {
            return Err("no configuration file is given; -c names one".to_owned());
        }
        Ok(Some(request))
    }

    fn show(&self) -> Result<(), String> {
        let text = |error: &dyn Display| error.to_string();
        let builder = conf_files(&self.files, self.version)?;
        let picture = builder.topology().map_err(|it| text(&it))?;
        match self.svg.as_deref() {
            None => print!("{picture}"),
            Some("-") => print!("{}", svg(&picture)?),
            Some(path) => std::fs::write(path, svg(&picture)?)
                .map_err(|error| format!("cannot write {path:?}: {error}"))?,
        }
        for lost in builder.unreached().map_err(|it| text(&it))? {
            eprintln!(
                "nats-mock graph: {:?} in {:?} of {} leads to no server that is described",
                lost.url.to_string(),
                lost.block,
                lost.server
            );
        }
        Ok(())
    }
}

#[cfg(feature = "svg")]
fn svg(picture: &Picture) -> Result<String, String> {
    Ok(picture.svg() + "\n")
}

#[cfg(not(feature = "svg"))]
fn svg(_: &Picture) -> Result<String, String> {
    Err("this program was built without the feature svg".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Request>, String> {
        Request::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn takes_several_files() {
        let request =
            parse("-c a.conf --config=b.conf --svg x.svg --simulate-version 2.11").unwrap();
        let expected = Request {
            files: vec!["a.conf".to_owned(), "b.conf".to_owned()],
            svg: Some("x.svg".to_owned()),
            version: Version::V2_11,
        };
        assert_eq!(request, Some(expected));
        assert_eq!(parse("-c a.conf -h"), Ok(None));
    }

    #[test]
    fn says_what_is_wrong() {
        for (line, text) in [
            ("", "no configuration file is given; -c names one"),
            ("-c", "flag needs an argument: -c"),
            ("-x", "flag provided but not defined: -x"),
            ("a.conf", "unrecognized argument: \"a.conf\""),
        ] {
            assert_eq!(parse(line), Err(text.to_owned()), "{line}");
        }
    }
}
