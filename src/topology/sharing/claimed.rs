//! Exports and imports as accounts claim them in their tokens, one account after the other.

use std::sync::Arc;
use std::time::Duration;

use nats_mock_protocol::transform::Functions;

use super::approval::Permit;
use super::plan::{
    AccountSharing, Planner, ServiceExportPlan, ServiceImportPlan, Sharing, StreamImportPlan,
};
use super::{
    LatencyOptions, ResponseType, Sampling, ServiceExport, ServiceImport, SharingError,
    StreamExport, StreamImport,
};
use crate::identity::{ClaimedExport, ClaimedImport, Kind};

impl Sharing {
    /// The place of the account called `name`, which is a new one unless it is known.
    pub fn ensure_place(&mut self, name: &str) -> usize {
        self.place_of(name).unwrap_or_else(|| {
            self.accounts.push(AccountSharing {
                name: name.to_owned(),
                ..AccountSharing::default()
            });
            self.accounts.len() - 1
        })
    }

    /// Has an account export what it claims, instead of what it has exported so far. What cannot be is left
    /// out.
    pub fn claim_exports(
        &mut self,
        place: usize,
        exports: &[ClaimedExport],
        functions: Functions,
        heeds_thresholds: bool,
    ) {
        let account = &mut self.accounts[place];
        account.streams.clear();
        account.services.clear();
        self.planned(functions, |planner| {
            for export in exports {
                planner.claim_export(place, export, heeds_thresholds);
            }
        });
    }

    /// Adds what an account claims to import from another. Tells whether it can be.
    pub fn claim_import(
        &mut self,
        place: usize,
        exporter: usize,
        import: &ClaimedImport,
        functions: Functions,
        permit: Permit<'_>,
    ) -> bool {
        let claim = Some(Arc::new(import.clone()));
        let claimed = (import.local_subject.as_str(), import.to.as_str());
        self.planned(functions, |planner| match import.kind {
            Kind::Stream => {
                let (local, prefix) = claimed;
                let named = !local.is_empty();
                let import = StreamImport {
                    subject: import.subject.clone(),
                    to: named.then(|| local.to_owned()),
                    prefix: (!named).then(|| prefix.to_owned()),
                    allow_trace: import.allow_trace,
                    ..StreamImport::default()
                };
                let plan = planner.stream(place, exporter, &import, permit);
                let imports = &mut planner.sharing.accounts[place].stream_imports;
                plan.map(|plan| imports.push(StreamImportPlan { claim, ..plan }))
                    .is_ok()
            }
            Kind::Service => {
                let (here, there) = match claimed {
                    ("", "") => (&*import.subject, &*import.subject),
                    ("", there) => (&*import.subject, there),
                    (local, _) => (local, &*import.subject),
                };
                let import = ServiceImport {
                    subject: there.to_owned(),
                    to: Some(here.to_owned()),
                    share: import.share,
                    ..ServiceImport::default()
                };
                let plan = planner.service(place, exporter, &import, permit);
                let imports = &mut planner.sharing.accounts[place].service_imports;
                plan.map(|plan| imports.push(ServiceImportPlan { claim, ..plan }))
                    .is_ok()
            }
            Kind::Unknown => true,
        })
    }

    /// Has an account export a service that all of its kind have.
    pub fn add_default_service(&mut self, place: usize, subject: &str, plan: &ServiceExportPlan) {
        let services = &mut self.accounts[place].services;
        services
            .entry(subject.to_owned())
            .or_insert_with(|| plan.clone());
    }

    fn planned<R>(&mut self, functions: Functions, plan: impl FnOnce(&mut Planner) -> R) -> R {
        let mut planner = Planner {
            sharing: std::mem::take(self),
            errors: Vec::<SharingError>::new(),
            has_system: true,
            functions,
        };
        let planned = plan(&mut planner);
        *self = planner.sharing;
        planned
    }
}

impl Planner {
    fn claim_export(&mut self, place: usize, export: &ClaimedExport, heeds_thresholds: bool) {
        let subject = &export.subject;
        let position = i64::try_from(export.account_token_position).ok();
        let position = position.filter(|&position| position > 0);
        let approval = match export.kind {
            Kind::Stream => {
                self.export_stream(
                    place,
                    &StreamExport {
                        subject: subject.clone(),
                        account_token_position: position,
                        ..StreamExport::default()
                    },
                );
                self.sharing.accounts[place].streams.get_mut(subject)
            }
            Kind::Service => {
                let threshold = u64::try_from(export.response_threshold).ok();
                let threshold = threshold.filter(|&nanos| nanos > 0 && heeds_thresholds);
                self.export_service(place, &service(export, position, threshold));
                let services = &mut self.sharing.accounts[place].services;
                services
                    .get_mut(subject)
                    .map(|service| &mut service.approval)
            }
            Kind::Unknown => None,
        };
        if let Some(approval) = approval {
            approval.token_required |= export.token_req;
            approval.revocations.clone_from(&export.revocations);
        }
    }
}

fn service(export: &ClaimedExport, position: Option<i64>, threshold: Option<u64>) -> ServiceExport {
    let latency = export.service_latency.as_ref();
    let latency = latency.and_then(|latency| {
        let sampling = match latency.sampling {
            0 => Sampling::Headers,
            percent => Sampling::Percent(u8::try_from(percent).ok().filter(|&it| it <= 100)?),
        };
        Some(LatencyOptions {
            subject: latency.results.clone(),
            sampling,
        })
    });
    ServiceExport {
        subject: export.subject.clone(),
        account_token_position: position,
        response_type: match export.response_type.as_str() {
            "Stream" => ResponseType::Stream,
            "Chunked" => ResponseType::Chunked,
            _ => ResponseType::Singleton,
        },
        response_threshold: threshold.map(Duration::from_nanos),
        latency,
        allow_trace: export.allow_trace,
        ..ServiceExport::default()
    }
}
