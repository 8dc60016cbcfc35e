//! The files that tell others about the process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use nats_mock::MockNats;

use super::member::Member;
use super::startup::address;

/// Which files there are to be.
#[derive(Debug)]
pub struct Files {
    pids: BTreeSet<String>,
    /// Directories, with the places of the servers that are told of there: a process has one file in
    /// each.
    ports: BTreeMap<String, Vec<usize>>,
}

impl Files {
    pub fn of(members: &[Member]) -> Self {
        let pids = members.iter().filter_map(|it| it.options.pid_file.clone());
        let mut ports = BTreeMap::<_, Vec<_>>::new();
        for (place, member) in members.iter().enumerate() {
            if let Some(directory) = &member.options.ports_file_dir {
                ports.entry(directory.clone()).or_default().push(place);
            }
        }
        Self {
            pids: pids.collect(),
            ports,
        }
    }

    /// Writes them, and says what could not be written.
    pub fn write(&self, nats: &MockNats) -> Vec<String> {
        let mut errors = Vec::new();
        for path in &self.pids {
            if let Err(error) = std::fs::write(path, std::process::id().to_string()) {
                errors.push(format!("Unable to write pid file {path}: {error}"));
            }
        }
        for (directory, places) in &self.ports {
            let Some(path) = ports_file(directory) else {
                continue;
            };
            // Whoever waits for the file must never see half of it.
            let unfinished = path.with_extension("tmp");
            let written = std::fs::write(&unfinished, ports(nats, places))
                .and_then(|()| std::fs::rename(&unfinished, &path));
            if let Err(error) = written {
                let path = path.display();
                errors.push(format!("Error writing ports file ({path}): {error}"));
            }
        }
        errors
    }

    pub fn remove(&self) {
        for path in self.ports.keys().filter_map(|it| ports_file(it)) {
            // It may have been removed by whoever read it.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn ports_file(directory: &str) -> Option<PathBuf> {
    let program = std::env::args().next()?;
    let program = Path::new(&program).file_name()?;
    let name = format!("{}_{}.ports", program.to_string_lossy(), std::process::id());
    Some(Path::new(directory).join(name))
}

/// Where the servers listen, in the order of their configuration files.
fn ports(nats: &MockNats, places: &[usize]) -> String {
    let mut clients = Vec::new();
    let mut routes = Vec::new();
    let mut websockets = Vec::new();
    for (_, server) in nats
        .servers()
        .enumerate()
        .filter(|(at, _)| places.contains(at))
    {
        clients.push(format!("\"{}\"", server.url()));
        let spec = server.spec();
        websockets.extend(spec.websocket.as_ref().and_then(|it| {
            let address = address(it.host.as_deref(), it.port?);
            Some(format!("\"{}://{address}\"", it.scheme()))
        }));
        let listening = spec
            .cluster
            .and_then(|it| Some(address(it.host.as_deref(), it.port?)));
        routes.extend(listening.map(|address| format!("\"nats://{address}\"")));
    }
    let mut text = format!("{{\"nats\":[{}]", clients.join(","));
    for (name, urls) in [("cluster", routes), ("websocket", websockets)] {
        if !urls.is_empty() {
            text.push_str(&format!(",\"{name}\":[{}]", urls.join(",")));
        }
    }
    text.push('}');
    text
}
