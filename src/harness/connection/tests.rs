//! Whatever goes wrong with connections, in whatever order: it ends well, leaves nothing behind, and is
//! repeatable.

use std::time::{Duration, SystemTime};

use nats_mock_protocol::events::CloseReason;
use proptest::prelude::*;

use super::{Line, Stall, connecting, line};
use crate::programmed::Armed;
use crate::recorded::EventKind;
use crate::{MemoryConnection, MockNats};

const SLOTS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Open(usize),
    LogIn(usize),
    Send(usize, &'static str),
    Read(usize),
    /// The client goes, in good order or not.
    Leave(usize, bool),
    Finish(usize),
    Reset(usize),
    Close(usize, CloseReason),
    HalfClose(usize),
    SendRaw(usize),
    Stall(usize),
    EndStall,
    Arm(usize),
    Release,
    EndRule,
    Freeze,
    Thaw,
    Restart,
    Advance(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let slot = || 0..SLOTS;
    let sent = prop_oneof![
        Just("SUB x 1\r\n"),
        Just("PUB x 2\r\nhi\r\n"),
        Just("PUB x 5\r\nhel"),
        Just("lo\r\nPING\r\n"),
        Just("PING\r\nPING\r\n"),
        Just("nonsense\r\n"),
    ];
    let reason = prop_oneof![
        Just(CloseReason::StaleConnection),
        Just(CloseReason::SlowConsumerPendingBytes),
        Just(CloseReason::SlowConsumerWriteDeadline),
        Just(CloseReason::AuthenticationViolation),
        Just(CloseReason::Kicked),
    ];
    prop_oneof![
        4 => slot().prop_map(Step::Open),
        4 => slot().prop_map(Step::LogIn),
        8 => (slot(), sent).prop_map(|(slot, sent)| Step::Send(slot, sent)),
        4 => slot().prop_map(Step::Read),
        1 => (slot(), any::<bool>()).prop_map(|(slot, resets)| Step::Leave(slot, resets)),
        1 => slot().prop_map(Step::Finish),
        1 => slot().prop_map(Step::Reset),
        1 => (slot(), reason).prop_map(|(slot, reason)| Step::Close(slot, reason)),
        1 => slot().prop_map(Step::HalfClose),
        1 => slot().prop_map(Step::SendRaw),
        2 => slot().prop_map(Step::Stall),
        2 => Just(Step::EndStall),
        4 => (0..RULES).prop_map(Step::Arm),
        1 => Just(Step::Release),
        2 => Just(Step::EndRule),
        1 => Just(Step::Freeze),
        1 => Just(Step::Thaw),
        1 => Just(Step::Restart),
        2 => (0..200_u64).prop_map(Step::Advance),
    ]
}

const RULES: usize = 16;

fn arm(nats: &MockNats, number: usize) -> Armed {
    let second = Duration::from_secs(1);
    let clients = || nats.on(connecting()).with_probability(0.7);
    let lines = || nats.on(line(Line::Any)).with_probability(0.3);
    match number {
        0 => clients().refuse(),
        1 => clients().reset(),
        2 => clients().close(),
        3 => clients().stall(),
        4 => clients().late_info_between(second, 3 * second),
        5 => clients().edit_info(|info| info["proto"] = 9.into()),
        6 => lines().silence(),
        7 => lines().corrupt(),
        8 => lines().times(1).truncate(3),
        9 => lines().duplicate(3),
        10 => lines().delay_between(Duration::ZERO, 3 * second),
        11 => lines().delay(second),
        12 => lines().times(1).reset(),
        13 => lines().times(1).close(),
        14 => lines().times(1).close_with(CloseReason::Revocation),
        _ => lines().replace_raw("MSG a 1 18446744073709551615\r\n"),
    }
}

struct World {
    nats: MockNats,
    clients: [Option<MemoryConnection>; SLOTS],
    stalls: Vec<Stall>,
    rules: Vec<Armed>,
    transcript: String,
}

impl World {
    fn new(seed: u64) -> Self {
        let builder = MockNats::builder().seed(seed);
        let builder = builder.manual_clock(SystemTime::UNIX_EPOCH).unbound();
        Self {
            nats: builder.start_blocking().unwrap(),
            clients: std::array::from_fn(|_| None),
            stalls: Vec::new(),
            rules: Vec::new(),
            transcript: String::new(),
        }
    }

    fn of(&self, slot: usize) -> super::Connections {
        self.nats.connections().named(format!("client-{slot}"))
    }

    fn play(&mut self, step: &Step) {
        match *step {
            Step::Open(slot) => self.clients[slot] = self.nats.connect_in_memory().ok(),
            Step::LogIn(slot) => {
                let hello = format!(
                    "CONNECT {{\"user\":\"a\",\"pass\":\"a\",\"name\":\"client-{slot}\",\"verbose\":true}}\r\n"
                );
                self.send(slot, hello.as_bytes());
            }
            Step::Send(slot, bytes) => self.send(slot, bytes.as_bytes()),
            Step::Read(slot) => self.read(slot),
            Step::Leave(slot, resets) => match self.clients[slot].take() {
                Some(client) if resets => client.reset(),
                _ => {}
            },
            Step::Finish(slot) => {
                if let Some(client) = &mut self.clients[slot] {
                    client.finish();
                }
            }
            Step::Reset(slot) => {
                self.of(slot).reset();
            }
            Step::Close(slot, reason) => {
                self.of(slot).close(reason);
            }
            Step::HalfClose(slot) => {
                self.of(slot).half_close();
            }
            Step::SendRaw(slot) => {
                self.of(slot).send_raw("PING\r\nMSG a 1 99\r\n");
            }
            Step::Stall(slot) => self.stalls.push(self.of(slot).stall()),
            Step::EndStall => drop(self.stalls.pop()),
            Step::Arm(number) => self.rules.push(arm(&self.nats, number)),
            Step::Release => self.rules.iter().for_each(Armed::release),
            Step::EndRule => drop(self.rules.pop()),
            Step::Freeze => self.nats.first_server().freeze(),
            Step::Thaw => self.nats.first_server().thaw(),
            Step::Restart => self.nats.first_server().restart().unwrap(),
            Step::Advance(seconds) => self.nats.advance(Duration::from_secs(seconds)),
        }
    }

    fn send(&mut self, slot: usize, bytes: &[u8]) {
        if let Some(client) = &mut self.clients[slot]
            && let Err(error) = client.send(bytes)
        {
            self.transcript.push_str(&format!("{slot} {error}\n"));
        }
    }

    fn read(&mut self, slot: usize) {
        if let Some(client) = &mut self.clients[slot] {
            let bytes = client.take_received();
            let text = bytes.as_deref().map(String::from_utf8_lossy);
            let reset = client.was_reset();
            self.transcript
                .push_str(&format!("{slot} {text:?} {reset}\n"));
        }
    }

    /// Everything goes on and away, and nothing is left.
    fn end(mut self) -> String {
        self.rules.clear();
        self.nats.first_server().thaw();
        self.stalls.clear();
        self.nats.advance(Duration::from_secs(10));
        (0..SLOTS).for_each(|slot| self.read(slot));
        self.clients = std::array::from_fn(|_| None);
        let is_left = self.nats.hub.look(|deployment| {
            let core = deployment.core();
            core.has_connections() || core.stalled() > 0 || core.frozen() > 0
        });
        assert!(!is_left, "{}", self.transcript);
        let told = |kind| self.nats.events().kind(kind).account("USERS").history();
        let came = told(EventKind::Connect).len();
        let went = told(EventKind::Disconnect);
        assert!(came >= went.len(), "{}", self.transcript);
        for event in went {
            self.transcript.push_str(&event.text());
        }
        std::mem::take(&mut self.transcript)
    }
}

fn transcript(seed: u64, steps: &[Step]) -> String {
    let mut world = World::new(seed);
    for step in steps {
        world.play(step);
    }
    world.end()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_wrong_ends_well_and_is_repeatable(
        seed in 0..1000_u64,
        steps in prop::collection::vec(step(), 0..60),
    ) {
        prop_assert_eq!(transcript(seed, &steps), transcript(seed, &steps));
    }
}
