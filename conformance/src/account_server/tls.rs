//! The server side of TLS for the web server.

use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::Security;
use crate::driver::certificates;

/// How the first record of a handshake begins.
const HANDSHAKE: u8 = 0x16;

/// How to make handshakes.
pub(super) fn config(security: &Security) -> io::Result<Arc<ServerConfig>> {
    let provider = Arc::new(ring::default_provider());
    let versions: &[_] = match security.is_old {
        true => &[&rustls::version::TLS12],
        false => rustls::DEFAULT_VERSIONS,
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(io::Error::other)?;
    let builder = match security.verify {
        false => builder.with_no_client_auth(),
        true => {
            let mut roots = RootCertStore::empty();
            for authority in chain("ca")? {
                roots.add(authority).map_err(io::Error::other)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(io::Error::other)?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let name = &security.certificate;
    let key = PrivateKeyDer::from_pem_file(certificates().join(format!("{name}-key.pem")))
        .map_err(io::Error::other)?;
    let config = builder
        .with_single_cert(chain(name)?, key)
        .map_err(io::Error::other)?;
    Ok(Arc::new(config))
}

fn chain(name: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(certificates().join(format!("{name}.pem")))
        .and_then(Iterator::collect)
        .map_err(io::Error::other)
}

/// Whether somebody begins a handshake.
pub(super) fn is_asked_for(stream: &TcpStream) -> bool {
    let mut first = [0];
    stream.peek(&mut first).is_ok() && first == [HANDSHAKE]
}

/// Ends a connection so that what was sent last arrives: with something unread it would be reset.
pub(super) fn end(mut stream: TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let mut rest = [0; 1024];
    while stream.read(&mut rest).is_ok_and(|length| length > 0) {}
}
