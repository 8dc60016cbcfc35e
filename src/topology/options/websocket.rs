//! The `websocket` block.

use std::{collections::BTreeMap, time::Duration};

use nats_mock_protocol::conf::{Kind, Map, Value, duration, fold};

use super::{
    auth::missing_authorization,
    problem::{Problem, ProblemKind},
    read::{Reader, at, boolean, invalid, non_empty, string, unsupported_type, wrong_type},
    tls::Side,
};
use crate::topology::websocket::WebsocketOptions;

impl Reader<'_> {
    pub(super) fn websocket(&mut self, key: &str, value: &Value) -> Result<(), Problem> {
        if !cfg!(feature = "websocket") {
            let kind = ProblemKind::NeedsFeature {
                key: key.to_owned(),
                feature: "websocket",
            };
            return Err(at(value, kind));
        }
        let map = value
            .as_map()
            .ok_or_else(|| unsupported_type(value, "Expected websocket to be a map, got"))?;
        let mut websocket = self.options.websocket.take().unwrap_or_default();
        let read = self.websocket_keys(map, &mut websocket);
        self.options.websocket = Some(websocket);
        read
    }

    fn websocket_keys(
        &mut self,
        map: &Map,
        websocket: &mut WebsocketOptions,
    ) -> Result<(), Problem> {
        for (key, value) in map.iter() {
            let folded = fold(key);
            if !self.knows(&format!("websocket.{folded}")) {
                self.stranger(key, value);
                continue;
            }
            if self.listener(&folded, value, &mut websocket.host, &mut websocket.port)? {
                continue;
            }
            match folded.as_str() {
                "advertise" => websocket.advertise = non_empty(string(value)?),
                "no_tls" => websocket.no_tls = boolean(value)?,
                "tls" => match self.tls(value, Side::Clients) {
                    Ok(tls) => websocket.tls = Some(tls),
                    Err(problem) => self.problems.push(problem),
                },
                "same_origin" => websocket.same_origin = boolean(value)?,
                "allowed_origins" | "allowed_origin" | "allow_origins" | "allow_origin"
                | "origins" | "origin" => websocket.allowed_origins = self.origins(value),
                "handshake_timeout" => {
                    if let Some(timeout) = self.handshake_timeout(value) {
                        websocket.handshake_timeout = timeout;
                    }
                }
                "compress" | "compression" => websocket.compression = boolean(value)?,
                "authorization" | "authentication" => {
                    self.websocket_authorization(value, websocket)?;
                }
                "jwt_cookie" => websocket.jwt_cookie = non_empty(string(value)?),
                "user_cookie" => websocket.user_cookie = non_empty(string(value)?),
                "pass_cookie" => websocket.pass_cookie = non_empty(string(value)?),
                "token_cookie" => websocket.token_cookie = non_empty(string(value)?),
                "no_auth_user" => websocket.no_auth_user = non_empty(string(value)?),
                "headers" => {
                    if let Some(headers) = self.answer_headers(value) {
                        websocket.headers = headers;
                    }
                }
                "ping_interval" => {
                    websocket.ping_interval = self.link_duration("ping_interval", key, value)?;
                }
                _ => self.stranger(key, value),
            }
        }
        Ok(())
    }

    /// One origin or several.
    fn origins(&mut self, value: &Value) -> Vec<String> {
        const START: &str = "error parsing allowed origins: unsupported type";
        match &value.kind {
            Kind::String(one) => vec![one.clone()],
            Kind::Array(array) => {
                let mut origins = Vec::new();
                for element in array {
                    match element.as_str() {
                        Some(origin) => origins.push(origin.to_owned()),
                        None => self
                            .problems
                            .push(unsupported_type(element, &format!("{START} in array"))),
                    }
                }
                origins
            }
            _ => {
                self.problems.push(unsupported_type(value, START));
                Vec::new()
            }
        }
    }

    /// Seconds or a duration; nothing if it was refused.
    fn handshake_timeout(&mut self, value: &Value) -> Option<Option<Duration>> {
        let nanos = match &value.kind {
            Kind::Integer(seconds) => seconds.wrapping_mul(1_000_000_000),
            Kind::String(text) => match duration::parse(text) {
                Ok(nanos) => nanos,
                Err(error) => {
                    self.problems.push(invalid(value, error.to_string()));
                    return None;
                }
            },
            _ => {
                let start = "error parsing handshake timeout: unsupported type";
                self.problems.push(unsupported_type(value, start));
                0
            }
        };
        // What is not above zero sets no limit.
        let nanos = u64::try_from(nanos).ok().filter(|&nanos| nanos > 0);
        Some(nanos.map(Duration::from_nanos))
    }

    fn websocket_authorization(
        &mut self,
        value: &Value,
        websocket: &mut WebsocketOptions,
    ) -> Result<(), Problem> {
        match self.simple_authorization(value, websocket) {
            Err(problem) if matches!(problem.kind, ProblemKind::WrongType { .. }) => {
                self.problems.push(problem);
                Err(missing_authorization(value))
            }
            read => read,
        }
    }

    fn simple_authorization(
        &mut self,
        value: &Value,
        websocket: &mut WebsocketOptions,
    ) -> Result<(), Problem> {
        let map = value
            .as_map()
            .ok_or_else(|| wrong_type(value, "map[string]interface {}"))?;
        for (key, value) in map.iter() {
            match fold(key).as_str() {
                "user" | "username" => websocket.user = non_empty(string(value)?),
                "pass" | "password" => websocket.password = non_empty(string(value)?),
                "token" => websocket.token = non_empty(string(value)?),
                "timeout" => {
                    let seconds = match &value.kind {
                        Kind::Integer(n) => *n as f64,
                        Kind::Float(n) => *n,
                        // Anything else is taken for this.
                        _ => 1.0,
                    };
                    websocket.auth_timeout = (seconds != 0.0).then_some(seconds);
                }
                _ => self.stranger(key, value),
            }
        }
        Ok(())
    }

    /// The headers of the answer that lets a client in; nothing if they were refused.
    fn answer_headers(&mut self, value: &Value) -> Option<BTreeMap<String, String>> {
        let Some(map) = value.as_map() else {
            let start = "error parsing headers: unsupported type";
            self.problems.push(unsupported_type(value, start));
            return None;
        };
        let mut headers = BTreeMap::new();
        for (key, value) in map.iter() {
            match value.as_str() {
                Some(text) => {
                    headers.insert(key.to_owned(), text.to_owned());
                }
                None => {
                    let start = format!("error parsing header key {key}: unsupported type");
                    self.problems.push(unsupported_type(value, &start));
                }
            }
        }
        Some(headers)
    }
}
