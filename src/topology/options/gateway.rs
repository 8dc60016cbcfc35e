//! The `gateway` block.

use nats_mock_protocol::conf::{Map, Value, fold};

use super::{
    durations::write_timeout,
    links::without_place_of,
    problem::Problem,
    read::{
        Reader, boolean, integer, invalid, non_empty, non_zero, string, unsupported_type,
        wrong_type,
    },
    tls::Side,
    words::plain,
};
use crate::topology::links::{GatewayOptions, RemoteGateway};

impl Reader<'_> {
    pub(super) fn gateway(&mut self, value: &Value) -> Result<(), Problem> {
        let map = value
            .as_map()
            .ok_or_else(|| unsupported_type(value, "Expected gateway to be a map, got"))?;
        let mut gateway = self.options.gateway.take().unwrap_or_default();
        let read = self.gateway_keys(map, &mut gateway);
        self.options.gateway = Some(gateway);
        read
    }

    fn gateway_keys(&mut self, map: &Map, gateway: &mut GatewayOptions) -> Result<(), Problem> {
        for (key, value) in map.iter() {
            let folded = fold(key);
            if !self.knows(&format!("gateway.{folded}")) {
                self.stranger(key, value);
                continue;
            }
            if self.listener(&folded, value, &mut gateway.host, &mut gateway.port)? {
                continue;
            }
            match folded.as_str() {
                "name" => {
                    if let Some(name) = self.cluster_name("gateway", value)? {
                        gateway.name = non_empty(name);
                    }
                }
                "authorization" => {
                    if let Some((auth, _)) = self.link_authorization("Gateway", value)? {
                        gateway.authorization = Some(auth);
                    }
                }
                "tls" => match self.tls(value, Side::Servers) {
                    Ok(tls) => gateway.tls = Some(tls),
                    Err(problem) => self.problems.push(problem),
                },
                "advertise" => gateway.advertise = non_empty(string(value)?),
                "connect_retries" => gateway.connect_retries = non_zero(integer(value)?),
                "connect_backoff" => gateway.connect_backoff = boolean(value)?,
                "gateways" => gateway.gateways = self.gateways(value)?.into(),
                "reject_unknown" | "reject_unknown_cluster" => {
                    gateway.reject_unknown_cluster = boolean(value)?;
                }
                "write_deadline" => {
                    gateway.write_deadline = self.link_duration("write_deadline", key, value)?;
                }
                "write_timeout" => match write_timeout(value) {
                    Ok(policy) => gateway.write_timeout = Some(policy),
                    Err(problem) => self.note(problem)?,
                },
                _ => self.stranger(key, value),
            }
        }
        Ok(())
    }

    /// The clusters to connect to. A value of the wrong type drops them all, and the block goes on.
    fn gateways(&mut self, value: &Value) -> Result<Vec<RemoteGateway>, Problem> {
        let array = value.as_array().ok_or_else(|| {
            let start = "Expected gateways field to be an array, got";
            without_place_of(value, unsupported_type(value, start))
        })?;
        let mut gateways = Vec::new();
        for entry in array {
            let Some(map) = entry.as_map() else {
                let found = plain(&entry.kind);
                let reason = format!("Expected gateway entry to be a map/struct, got {found}");
                self.problems.push(invalid(entry, reason));
                continue;
            };
            match self.remote_gateway(map) {
                Ok(gateway) => gateways.push(gateway),
                Err(problem) => {
                    self.problems.push(problem);
                    return Ok(Vec::new());
                }
            }
        }
        Ok(gateways)
    }

    fn remote_gateway(&mut self, map: &Map) -> Result<RemoteGateway, Problem> {
        let mut gateway = RemoteGateway::default();
        for (key, value) in map.iter() {
            match fold(key).as_str() {
                "name" => gateway.name = string(value)?,
                "tls" => match self.tls(value, Side::Servers) {
                    Ok(tls) => gateway.tls = Some(tls),
                    Err(problem) => self.problems.push(problem),
                },
                "url" => {
                    let url = self.url("gateway", &string(value)?, value);
                    gateway.urls.extend(url);
                }
                "urls" => {
                    let urls = value
                        .as_array()
                        .ok_or_else(|| wrong_type(value, "[]interface {}"))?;
                    if let Some(urls) = self.urls("gateway", urls) {
                        gateway.urls = urls;
                    }
                }
                _ => self.stranger(key, value),
            }
        }
        Ok(gateway)
    }
}
