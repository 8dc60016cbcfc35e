//! A deployment of several servers, with two connections to each that reads and writes the protocol.

use std::collections::BTreeMap;

use bytes::BytesMut;
use nats_mock::protocol::wire::{Limits, ServerBatch, ServerDecoder, ServerOp};
use nats_mock::{MockNats, Server};

use super::epoch;
use super::raw::{Raw, connect};

/// The accounts of clients, each with a user of the same name.
pub const ACCOUNTS: [&str; 2] = ["A", "B"];

/// What a connection got: the sid and the payload, or the status of an answer without any.
pub type Got = (u32, String);

/// Servers, by number in the order of the clusters, and a connection to each for each account.
pub struct Fleet {
    pub nats: MockNats,
    names: Vec<String>,
    conns: BTreeMap<(usize, usize), Raw>,
}

impl Fleet {
    /// Clusters of so many servers each.
    pub fn start(seed: u64, clusters: &[usize]) -> Self {
        let mut builder = MockNats::builder()
            .unbound()
            .seed(seed)
            .account("A", [("A", "pw")])
            .account("B", [("B", "pw")])
            .system_account("SYS", [("ops", "pw")])
            .manual_clock(epoch());
        for (place, &servers) in clusters.iter().enumerate() {
            builder = builder.cluster(format!("c{place}"), servers);
        }
        let nats = builder.start_blocking().expect("starts");
        let names = nats.servers().map(|server| server.name()).collect();
        let mut fleet = Self {
            nats,
            names,
            conns: BTreeMap::new(),
        };
        for server in 0..fleet.names.len() {
            fleet.connect(server);
        }
        fleet
    }

    pub fn server(&self, number: usize) -> Server<'_> {
        self.nats.server(&self.names[number])
    }

    pub fn link(&self, a: usize, b: usize) -> nats_mock::Link<'_> {
        self.nats.link(&self.names[a], &self.names[b])
    }

    /// Connects anew to a server that has started.
    pub fn connect(&mut self, server: usize) {
        for (account, user) in ACCOUNTS.iter().enumerate() {
            let mut raw = Raw(self.server(server).connect_in_memory().expect("connects"));
            raw.ask(connect(user, "pw", ""));
            self.conns.insert((server, account), raw);
        }
    }

    pub fn send(&mut self, server: usize, account: usize, text: &str) {
        if let Some(raw) = self.conns.get_mut(&(server, account)) {
            raw.send(text);
        }
    }

    /// Everything that has come since the last call, by server and account.
    pub fn received(&mut self) -> Vec<((usize, usize), Vec<Got>)> {
        let conns = self.conns.iter_mut();
        conns.map(|(&place, raw)| (place, messages(raw))).collect()
    }
}

/// The messages that have come on a connection. Whoever asks whether the client is there is told.
fn messages(raw: &mut Raw) -> Vec<Got> {
    let text = raw.read();
    let mut decoder = ServerDecoder::new(Limits::default());
    let mut batch = ServerBatch::new();
    let _ = decoder.decode(&mut BytesMut::from(text.as_bytes()), &mut batch);
    assert!(batch.fault().is_none(), "{text:?}");
    let mut got = Vec::new();
    for op in batch.iter() {
        match op {
            ServerOp::Msg(message) => {
                let sid = std::str::from_utf8(message.sid).expect("sids are ours");
                let payload = match message.headers {
                    Some(headers) => headers.get(9..12).unwrap_or(headers),
                    None => message.payload,
                };
                let payload = String::from_utf8_lossy(payload).into_owned();
                got.push((sid.parse().expect("sids are ours"), payload));
            }
            ServerOp::Ping => raw.send("PONG\r\n"),
            ServerOp::Err(text) => panic!("{}", String::from_utf8_lossy(text)),
            _ => {}
        }
    }
    got
}
