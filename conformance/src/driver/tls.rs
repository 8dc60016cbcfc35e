//! The client side of TLS on a connection that does not block.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::{DriverError, Secured};
use crate::scenario::Handshake;

/// How long a server may take for its part of a handshake.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the certificates are that scenarios name.
pub(crate) fn certificates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/tls")
}

/// What makes a connection secure.
pub(super) struct Tls(ClientConnection);

impl Tls {
    /// Makes a handshake. What the server makes of the client's certificate may come to light only when
    /// something is received.
    pub(super) fn shake_hands(
        stream: &mut TcpStream,
        how: &Handshake,
    ) -> Result<(Option<Self>, Secured), DriverError> {
        let name = how.server_name.as_deref().unwrap_or("localhost").to_owned();
        let name = ServerName::try_from(name).map_err(|error| failed(&error))?;
        let mut conn =
            ClientConnection::new(Arc::new(config(how)?), name).map_err(|error| failed(&error))?;
        let wait = |stream: &TcpStream, patience| {
            stream
                .set_nonblocking(false)
                .and_then(|()| stream.set_read_timeout(patience))
                .map_err(DriverError::io("setting up a connection"))
        };
        wait(stream, Some(PATIENCE))?;
        let deadline = Instant::now() + PATIENCE;
        let mut result = Ok(());
        while (conn.is_handshaking() || conn.wants_write()) && result.is_ok() {
            result = conn.complete_io(stream).map(|_| ());
            if Instant::now() > deadline {
                result = Err(io::ErrorKind::TimedOut.into());
            }
        }
        wait(stream, None)?;
        stream
            .set_nonblocking(true)
            .map_err(DriverError::io("setting up a connection"))?;
        Ok(match result {
            Ok(()) => {
                let session = session(&conn);
                (Some(Self(conn)), Secured::Done(session))
            }
            Err(error) => (None, Secured::Failed(why(&error))),
        })
    }

    /// Sends as many of `bytes` as go without waiting.
    pub(super) fn send(&mut self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
        self.flush(stream)?;
        let taken = self.0.writer().write(bytes)?;
        // What does not go now goes with what is sent or received next.
        match self.flush(stream) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(taken),
            Err(error) => Err(error),
            Ok(()) => Ok(taken),
        }
    }

    fn flush(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        while self.0.wants_write() {
            self.0.write_tls(stream)?;
        }
        Ok(())
    }

    /// Receives what has come; 0 bytes at the end.
    pub(super) fn receive(&mut self, stream: &mut TcpStream, into: &mut [u8]) -> io::Result<usize> {
        let _ = self.flush(stream);
        loop {
            match self.0.reader().read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The server need not say that it closes the connection.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                other => return other,
            }
            if self.0.read_tls(stream)? == 0 {
                return Ok(0);
            }
            self.0.process_new_packets().map_err(io::Error::other)?;
        }
    }
}

fn config(how: &Handshake) -> Result<ClientConfig, DriverError> {
    let mut roots = RootCertStore::empty();
    for ca in ["ca.pem"] {
        for certificate in chain(ca)? {
            roots.add(certificate).map_err(|error| failed(&error))?;
        }
    }
    let versions: &[_] = if how.is_old {
        &[&rustls::version::TLS12]
    } else {
        rustls::DEFAULT_VERSIONS
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots);
    let Some(name) = &how.certificate else {
        return Ok(builder.with_no_client_auth());
    };
    let key = PrivateKeyDer::from_pem_slice(&file(&format!("{name}-key.pem"))?)
        .map_err(|error| failed(&error))?;
    builder
        .with_client_auth_cert(chain(&format!("{name}.pem"))?, key)
        .map_err(|error| failed(&error))
}

fn chain(name: &str) -> Result<Vec<CertificateDer<'static>>, DriverError> {
    CertificateDer::pem_slice_iter(&file(name)?)
        .collect::<Result<_, _>>()
        .map_err(|error| failed(&error))
}

fn file(name: &str) -> Result<Vec<u8>, DriverError> {
    fs::read(certificates().join(name)).map_err(DriverError::io("reading a certificate"))
}

fn failed(error: &impl std::fmt::Display) -> DriverError {
    DriverError::State(format!("TLS: {error}"))
}

fn session(conn: &ClientConnection) -> String {
    let version = conn
        .protocol_version()
        .and_then(|it| it.as_str().map(str::to_owned));
    let suite = conn.negotiated_cipher_suite().map(|it| it.suite());
    let suite = suite.and_then(|it| it.as_str().map(str::to_owned));
    format!(
        "{} {}",
        version.unwrap_or_default(),
        suite.unwrap_or_default()
    )
}

/// The alert that an error is about.
pub(super) fn alert(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    match inner {
        rustls::Error::AlertReceived(alert) => Some(format!("{alert:?}")),
        other => Some(other.to_string()),
    }
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => "closed".to_owned(),
        _ => alert(error).unwrap_or_else(|| error.to_string()),
    }
}
