//! What happens to what servers say.

use std::time::Duration;

use nats_mock_protocol::json;
use nats_mock_protocol::monitor::{ApiError, Reply};
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use serde_json::{Map, Value};

use super::{Armed, Events, On, Replies, sealed};
use crate::faults::{Effect, Occasion, Rewrite};
use crate::harness::recorded::endpoint;

/// Kept short enough for a line of a report.
fn short(text: &str) -> String {
    const SHORT: usize = 40;
    let mut shown: String = text.chars().take(SHORT).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

impl<Side: sealed::Messages> On<Side> {
    /// It is not said at all.
    pub fn silence(self) -> Armed {
        self.arm(Effect::Silence, "silence")
    }

    /// It is said so much later, by the deployment's clock. What is said meanwhile overtakes it.
    pub fn delay(self, by: Duration) -> Armed {
        self.delay_between(by, by)
    }

    /// It is said later, by a time between these two that is drawn from the deployment's seed.
    pub fn delay_between(self, least: Duration, most: Duration) -> Armed {
        let effect = Effect::Delay(least, most);
        let does = format!("{effect:?}");
        self.arm(effect, &does)
    }

    /// It is kept back, until [`Armed::release`] or the end of what is armed.
    pub fn hold(self) -> Armed {
        self.arm(Effect::Hold, "hold")
    }

    /// It is said so many times more, one right after the other.
    pub fn duplicate(self, more: usize) -> Armed {
        let effect = Effect::Repeat(more);
        let does = format!("{effect:?}");
        self.arm(effect, &does)
    }

    /// So many are collected, and then said in another order, drawn from the deployment's seed.
    pub fn reorder(self, count: usize) -> Armed {
        let effect = Effect::Reorder(count);
        let does = format!("{effect:?}");
        self.arm(effect, &does)
    }

    /// The bytes of the body are changed, before an encoding that the requester asks for.
    pub fn edit_bytes(self, mut edit: impl FnMut(&mut Vec<u8>) + Send + 'static) -> Armed {
        self.rewrite("edit bytes", move |_, payload| {
            edit(payload);
            Ok(())
        })
    }

    /// Only the first bytes are said.
    pub fn truncate(self, len: usize) -> Armed {
        self.rewrite(&format!("truncate to {len} bytes"), move |_, payload| {
            payload.truncate(len);
            Ok(())
        })
    }

    /// The body is changed as JSON: all of it, with the envelope. Keys stay in their order.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::protocol::sys::Endpoint;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let _armed = nats.on(Endpoint::Varz).edit_json(|varz| varz["data"]["connections"] = "many".into());
    /// let answer = nats.client("admin")?.request("$SYS.REQ.SERVER.PING.VARZ", "")?.try_next().unwrap();
    /// assert!(answer.text().contains("\"connections\":\"many\""));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn edit_json(self, edit: impl FnMut(&mut Value) + Send + 'static) -> Armed {
        self.rewrite_json("edit JSON", infallible(edit))
    }

    /// A member of the JSON body is left out. The pointer is one of RFC 6901, as `/data/connections`. A
    /// body without it stays as it is.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::protocol::sys::Endpoint;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let _armed = nats.on(Endpoint::Varz).remove("/data/connections");
    /// let answer = nats.client("admin")?.request("$SYS.REQ.SERVER.PING.VARZ", "")?.try_next().unwrap();
    /// assert!(!answer.text().contains("\"connections\":"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(self, pointer: impl Into<String>) -> Armed {
        let pointer = pointer.into();
        let does = format!("remove {pointer}");
        self.rewrite_json(&does, infallible(move |json| remove(json, &pointer)))
    }

    /// A member of the JSON body gets another value, or is added to the object that the pointer leads to.
    pub fn set(self, pointer: impl Into<String>, value: impl Into<Value>) -> Armed {
        let (pointer, value) = (pointer.into(), value.into());
        let does = format!("set {pointer} to {}", short(&value.to_string()));
        self.rewrite_json(&does, move |json| set(json, &pointer, value.clone()))
    }

    /// Changes what is JSON, and lets everything else by.
    pub(in crate::harness) fn edit_if_json(
        self,
        does: &str,
        mut edit: impl FnMut(&mut Value) + Send + 'static,
    ) -> Armed {
        self.rewrite(does, move |_, payload| {
            if let Ok(mut json) = serde_json::from_slice(payload) {
                edit(&mut json);
                *payload = json::to_vec(&json);
            }
            Ok(())
        })
    }

    fn rewrite_json(
        self,
        does: &str,
        mut edit: impl FnMut(&mut Value) -> Result<(), String> + Send + 'static,
    ) -> Armed {
        self.rewrite(does, move |_, payload| {
            let mut json: Value = serde_json::from_slice(payload)
                .map_err(|error| format!("the body is not JSON: {error}"))?;
            edit(&mut json)?;
            *payload = json::to_vec(&json);
            Ok(())
        })
    }

    fn rewrite(
        self,
        does: &str,
        rewrite: impl FnMut(&Occasion<'_>, &mut Vec<u8>) -> Result<(), String> + Send + 'static,
    ) -> Armed {
        let rewrite: Rewrite = Box::new(rewrite);
        self.arm(Effect::Rewrite(rewrite), does)
    }
}

fn infallible(
    mut edit: impl FnMut(&mut Value) + Send + 'static,
) -> impl FnMut(&mut Value) -> Result<(), String> + Send + 'static {
    move |json| {
        edit(json);
        Ok(())
    }
}

/// What leads to the last member of a pointer, and that member.
fn parent<'j>(json: &'j mut Value, pointer: &str) -> Option<(&'j mut Value, String)> {
    let (parent, member) = pointer.rsplit_once('/')?;
    let member = member.replace("~1", "/").replace("~0", "~");
    Some((json.pointer_mut(parent)?, member))
}

pub(in crate::harness) fn remove(json: &mut Value, pointer: &str) {
    match parent(json, pointer) {
        Some((Value::Object(parent), member)) => {
            parent.shift_remove(&member);
        }
        Some((Value::Array(parent), member)) => {
            if let Some(place) = member.parse().ok().filter(|place| *place < parent.len()) {
                parent.remove(place);
            }
        }
        _ => {}
    }
}

pub(in crate::harness) fn set(json: &mut Value, pointer: &str, value: Value) -> Result<(), String> {
    if let Some(place) = json.pointer_mut(pointer) {
        *place = value;
        return Ok(());
    }
    match parent(json, pointer) {
        Some((Value::Object(parent), member)) => {
            parent.insert(member, value);
            Ok(())
        }
        _ => Err(format!("there is no {pointer:?} to be set")),
    }
}

impl On<Replies> {
    /// The answer is this, in the envelope of the server that answers, if its answers have one.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::protocol::monitor::Healthz;
    /// use nats_mock::protocol::sys::Endpoint;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let sick = Healthz { status: "error".to_owned(), error: "disk on fire".to_owned(), ..Healthz::default() };
    /// let _armed = nats.on(Endpoint::Healthz).reply(sick);
    /// let answer = nats.client("admin")?.request("$SYS.REQ.SERVER.PING.HEALTHZ", "")?.try_next().unwrap();
    /// assert!(answer.text().contains("disk on fire"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reply(self, data: impl Serialize + Send + 'static) -> Armed {
        self.rewrite("reply", move |occasion, payload| {
            *payload = match serde_json::from_slice::<Reply<IgnoredAny>>(payload) {
                Ok(reply) if has_envelope(payload) => {
                    written(occasion, &Reply::ok(reply.server, &data))
                }
                _ => json::to_vec(&data),
            };
            Ok(())
        })
    }

    /// The answer is these bytes.
    pub fn reply_raw(self, payload: impl Into<Vec<u8>>) -> Armed {
        let payload = payload.into();
        self.rewrite("raw reply", move |_, said| {
            said.clone_from(&payload);
            Ok(())
        })
    }

    /// The answer is what a requester hears where nobody is there to answer: status 503. That is how requests
    /// of the system account end for a user without its privileges.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::protocol::sys::Endpoint;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let _armed = nats.on(Endpoint::Varz).no_responders();
    /// let answer = nats.client("admin")?.request("$SYS.REQ.SERVER.PING.VARZ", "")?.try_next().unwrap();
    /// assert_eq!(answer.status(), Some(503));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn no_responders(self) -> Armed {
        self.arm(Effect::NoResponders, "no responders")
    }

    /// The answer is an error: with code 400 as servers refuse what they do not understand, with any
    /// other as what has failed.
    pub fn error(self, code: i64, description: impl Into<String>) -> Armed {
        let description = description.into();
        let does = format!("error {code} {}", short(&description));
        self.rewrite(&does, move |occasion, payload| {
            let reply: Reply<IgnoredAny> = serde_json::from_slice(payload)
                .map_err(|error| format!("the answer has no envelope: {error}"))?;
            let error = ApiError::new(code, description.clone());
            let reply = match code {
                400 => Reply::<()>::rejected(reply.server, error),
                _ => Reply::failed(reply.server, error),
            };
            *payload = written(occasion, &reply);
            Ok(())
        })
    }

    /// The answer is changed as the type of its data; of an answer without an envelope, as all of it.
    /// Answers that are errors stay as they are.
    pub fn edit<T: Serialize + DeserializeOwned + 'static>(
        self,
        mut edit: impl FnMut(&mut T) + Send + 'static,
    ) -> Armed {
        self.rewrite("edit", move |occasion, payload| {
            let misfit = |error| format!("the answer does not fit the type of the edit: {error}");
            if has_envelope(payload) {
                let reply: Reply<Value> = serde_json::from_slice(payload).map_err(misfit)?;
                let Reply { server, data, .. } = reply;
                let Some(data) = data.value() else {
                    return Ok(());
                };
                let mut data: T = fitting(data).map_err(misfit)?;
                edit(&mut data);
                *payload = written(occasion, &Reply::ok(server, data));
            } else {
                let data = serde_json::from_slice(payload).map_err(misfit)?;
                let mut data: T = fitting(data).map_err(misfit)?;
                edit(&mut data);
                *payload = json::to_vec(&data);
            }
            Ok(())
        })
    }
}

/// The body as a type, unless it holds what the type would lose or add: an edit must change nothing but
/// what it means to.
fn fitting<T: Serialize + DeserializeOwned>(body: Value) -> serde_json::Result<T> {
    let typed = T::deserialize(&body)?;
    let written = serde_json::to_value(&typed)?;
    match difference(&body, &written, "") {
        None => Ok(typed),
        Some(place) => Err(serde_json::Error::custom(format!(
            "it would change {place} by itself"
        ))),
    }
}

/// The pointer to the first place in which two documents differ.
fn difference(a: &Value, b: &Value, at: &str) -> Option<String> {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let only = |a: &Map<String, Value>, b: &Map<String, Value>| {
                let key = a.keys().find(|key| !b.contains_key(*key));
                key.map(|key| format!("{at}/{key}"))
            };
            let both = || a.iter().zip(a.keys().map(|key| &b[key]));
            only(a, b).or_else(|| only(b, a)).or_else(|| {
                both().find_map(|((key, a), b)| difference(a, b, &format!("{at}/{key}")))
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = (0..).zip(a.iter().zip(b));
            let mut pairs = pairs.map(|(place, (a, b))| (format!("{at}/{place}"), a, b));
            pairs.find_map(|(place, a, b)| difference(a, b, &place))
        }
        // Go writes a whole number the same, whatever its type.
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => None,
        (a, b) if a == b => None,
        _ => Some(at.to_owned()),
    }
}

/// Whether an answer is of the form `{"server":…,"data":…}` or `{"server":…,"error":…}`.
fn has_envelope(payload: &[u8]) -> bool {
    let json: Result<Value, _> = serde_json::from_slice(payload);
    json.is_ok_and(|json| {
        json["server"].is_object() && (json.get("data").is_some() || json.get("error").is_some())
    })
}

/// A reply with its keys in the order in which the server's release writes them.
fn written<T: Serialize>(occasion: &Occasion<'_>, reply: &Reply<T>) -> Vec<u8> {
    let profile = occasion.core.server(occasion.message.server).profile;
    let request = occasion.message.request.as_deref();
    let subject = request.and_then(|request| std::str::from_utf8(&request.subject).ok());
    let orders = subject.map_or(&[][..], |subject| profile.key_orders(endpoint(subject)));
    json::to_vec_ordered(reply, orders)
}

impl On<Events> {
    /// The body is changed as its type, envelope included.
    pub fn edit<T: Serialize + DeserializeOwned + 'static>(
        self,
        mut edit: impl FnMut(&mut T) + Send + 'static,
    ) -> Armed {
        self.rewrite("edit", move |_, payload| {
            let event = serde_json::from_slice(payload).and_then(fitting);
            let mut event: T = event
                .map_err(|error| format!("the event does not fit the type of the edit: {error}"))?;
            edit(&mut event);
            *payload = json::to_vec(&event);
            Ok(())
        })
    }
}
