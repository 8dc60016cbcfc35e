//! What accounts of a [`MockOperator`](super::MockOperator) let each other have, as their JWTs claim it.

use std::time::Duration;

use serde_json::{Value, json};

use super::MockAccount;
use super::operator::{ISSUED, sign};
use crate::topology::{Export, Import, ResponseType, Sampling, ServiceExport};

impl MockAccount {
    /// Lets other accounts have something.
    ///
    /// An [`Export`] that is [only for](Export::only_for) some accounts is for all of them here, since claims
    /// do not name accounts; see [`export_with_token`](Self::export_with_token).
    ///
    /// ```
    /// use nats_mock::topology::{Export, Import};
    /// use nats_mock::{MockNats, MockOperator};
    ///
    /// let acme = MockOperator::new("acme");
    /// let orders = acme.account("ORDERS").export(Export::stream("orders.>"));
    /// let shop = acme
    ///     .account("SHOP")
    ///     .import(Import::stream(orders.public_key(), "orders.>").prefix("from"));
    /// let nats = MockNats::builder().operator(&acme, [&orders, &shop]).start_blocking()?;
    /// # let _ = nats;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn export(mut self, export: impl Into<Export>) -> Self {
        self.push("exports", exported(&export.into()));
        self
    }

    /// Lets those accounts have something that come with a token: see [`activation`](Self::activation).
    pub fn export_with_token(mut self, export: impl Into<Export>) -> Self {
        let mut export = exported(&export.into());
        export["token_req"] = json!(true);
        self.push("exports", export);
        self
    }

    /// The token with which `importer` may import what this account exports.
    ///
    /// ```
    /// use nats_mock::MockOperator;
    /// use nats_mock::topology::{Export, Import};
    ///
    /// let acme = MockOperator::new("acme");
    /// let orders = acme.account("ORDERS").export_with_token(Export::service("price"));
    /// let shop = acme.account("SHOP");
    /// let token = orders.activation(&shop, Export::service("price"));
    /// let shop = shop.import_with_token(Import::service(orders.public_key(), "price"), token);
    /// assert!(shop.jwt().starts_with("eyJ"));
    /// ```
    pub fn activation(&self, importer: &MockAccount, export: impl Into<Export>) -> String {
        self.activation_until(importer, export, None)
    }

    /// The same, until a time in seconds since 1970.
    pub fn activation_until(
        &self,
        importer: &MockAccount,
        export: impl Into<Export>,
        expires: impl Into<Option<i64>>,
    ) -> String {
        let export = exported(&export.into());
        let nats = json!({
            "subject": export["subject"],
            "kind": export["type"],
            "type": "activation",
            "version": 2,
        });
        let times = (ISSUED, expires.into());
        sign(&self.key, &importer.key, "activation", times, &nats)
    }

    /// Takes back all tokens with which `importer` may import what this account exports so far.
    pub fn revoke_activations(mut self, importer: &MockAccount) -> Self {
        let exports = self.nats["exports"].as_array_mut().into_iter().flatten();
        for export in exports {
            export["revocations"][importer.public_key()] = json!(ISSUED);
        }
        self
    }

    /// Has something of another account, whose public key is the account that the [`Import`] names.
    pub fn import(mut self, import: Import) -> Self {
        self.push("imports", imported(&import));
        self
    }

    /// The same with the token that it takes.
    pub fn import_with_token(mut self, import: Import, token: impl Into<String>) -> Self {
        let mut import = imported(&import);
        import["token"] = json!(token.into());
        self.push("imports", import);
        self
    }

    /// What is published to `source` goes to `destination` instead, which may refer to the wildcards of the source.
    ///
    /// ```
    /// use nats_mock::MockOperator;
    ///
    /// let orders = MockOperator::new("acme").account("ORDERS").map("old.*", "new.$1");
    /// # let _ = orders;
    /// ```
    pub fn map(mut self, source: &str, destination: &str) -> Self {
        self.nats["mappings"][source] = json!([{"subject": destination}]);
        self
    }

    fn push(&mut self, list: &str, entry: Value) {
        let list = &mut self.nats[list];
        if !list.is_array() {
            *list = json!([]);
        }
        if let Some(list) = list.as_array_mut() {
            list.push(entry);
        }
    }
}

fn exported(export: &Export) -> Value {
    let (mut claim, position) = match export {
        Export::Stream(stream) => (
            json!({"subject": stream.subject, "type": "stream"}),
            stream.account_token_position,
        ),
        Export::Service(service) => (exported_service(service), service.account_token_position),
    };
    if let Some(position) = position {
        claim["account_token_position"] = json!(position);
    }
    claim
}

fn exported_service(service: &ServiceExport) -> Value {
    let mut claim = json!({"subject": service.subject, "type": "service"});
    match service.response_type {
        ResponseType::Singleton => {}
        ResponseType::Stream => claim["response_type"] = json!("Stream"),
        ResponseType::Chunked => claim["response_type"] = json!("Chunked"),
    }
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    if let Some(threshold) = service.response_threshold {
        claim["response_threshold"] = json!(nanos(threshold));
    }
    if let Some(latency) = &service.latency {
        let sampling = match latency.sampling {
            Sampling::Percent(percent) => json!(percent),
            Sampling::Headers => json!("headers"),
        };
        claim["service_latency"] = json!({"sampling": sampling, "results": latency.subject});
    }
    if service.allow_trace {
        claim["allow_trace"] = json!(true);
    }
    claim
}

fn imported(import: &Import) -> Value {
    let (kind, account, subject, to) = match import {
        Import::Stream(it) => ("stream", &it.account, &it.subject, &it.to),
        Import::Service(it) => ("service", &it.account, &it.subject, &it.to),
    };
    let mut claim = json!({"subject": subject, "account": account, "type": kind});
    match import {
        Import::Stream(stream) if stream.prefix.is_some() => claim["to"] = json!(stream.prefix),
        _ => {
            if let Some(to) = to {
                claim["local_subject"] = json!(to);
            }
        }
    }
    match import {
        Import::Stream(stream) if stream.allow_trace => claim["allow_trace"] = json!(true),
        Import::Service(service) if service.share => claim["share"] = json!(true),
        _ => {}
    }
    claim
}
