//! Connections to web servers by TLS, and what real servers say when there is none.

use std::error::Error as _;
use std::fmt;
use std::io::{self, Read, Write};

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConnection, PeerIncompatible, StreamOwned};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter, time,
};

use crate::topology::ClientTls;
use crate::topology::tls::Untrusted;

/// Makes handshakes for addresses of `https`.
#[derive(Debug)]
pub(super) struct Securing(pub ClientTls);

/// No handshake came about.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Failed(String);

impl<In: Transport> Connector<In> for Securing {
    type Out = Either<In, Secured>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let failed = |text: String| Error::Other(Box::new(Failed(text)));
        let host = details.uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name =
            ServerName::try_from(host.to_owned()).map_err(|error| failed(error.to_string()))?;
        let mut conn = ClientConnection::new(self.0.connector.config(), name)
            .map_err(|error| failed(said(&error)))?;
        let mut sock = Watched {
            inner: TransportAdapter::new(transport.boxed(), details.current_time.clone()),
            first: Vec::new(),
        };
        sock.inner.set_timeout(remaining(details));
        let shaken = conn.complete_io(&mut sock);
        if let Err(error) = shaken {
            let is_garbled = matches!(of(&error), Some(rustls::Error::InvalidMessage(_)));
            return Err(match (is_garbled, sock.first.starts_with(b"HTTP/")) {
                (true, true) => {
                    failed("http: server gave HTTP response to HTTPS client".to_owned())
                }
                (true, false) => {
                    failed("tls: first record does not look like a TLS handshake".to_owned())
                }
                (false, _) => error.into(),
            });
        }
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        let stream = StreamOwned { conn, sock };
        Ok(Some(Either::B(Secured { buffers, stream })))
    }
}

/// How much of the time is left that was there when the connection was begun.
fn remaining(details: &ConnectionDetails<'_>) -> NextTimeout {
    let mut timeout = details.timeout;
    if let (time::Duration::Exact(after), time::Instant::Exact(before), time::Instant::Exact(now)) =
        (timeout.after, details.now, (details.current_time)())
    {
        let passed = now.saturating_duration_since(before);
        timeout.after = time::Duration::Exact(after.saturating_sub(passed));
    }
    timeout
}

/// A connection that is encrypted.
pub(super) struct Secured {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, Watched>,
}

impl Transport for Secured {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.get_mut().inner.set_timeout(timeout);
        let output = &self.buffers.output()[..amount];
        self.stream.write_all(output)?;
        Ok(self.stream.flush()?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.get_mut().inner.set_timeout(timeout);
        let length = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(length);
        Ok(length > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().inner.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secured").finish_non_exhaustive()
    }
}

/// The connection below, of which the first bytes are remembered: they tell what is spoken there.
struct Watched {
    inner: TransportAdapter,
    first: Vec<u8>,
}

/// As many bytes as it takes to tell HTTP.
const TELLING: usize = 5;

impl Read for Watched {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(into)?;
        let missing = TELLING.saturating_sub(self.first.len());
        self.first.extend_from_slice(&into[..length.min(missing)]);
        Ok(length)
    }
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// What of TLS an error is about.
fn of(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// What a real server says, if it is about TLS that something failed.
pub(super) fn failure(error: &Error) -> Option<String> {
    match error {
        Error::Io(error) => of(error).map(said),
        Error::Other(error) => error.downcast_ref::<Failed>().map(Failed::to_string),
        _ => None,
    }
}

fn said(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(why) => {
            let why = match why {
                CertificateError::Other(other) => {
                    let known = other.0.downcast_ref::<Untrusted>();
                    known.map_or_else(|| other.to_string(), Untrusted::to_string)
                }
                why => why.to_string(),
            };
            format!("tls: failed to verify certificate: {why}")
        }
        rustls::Error::AlertReceived(alert) => format!("remote error: tls: {}", alerted(*alert)),
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::ServerDoesNotSupportTls12Or13,
        ) => "tls: server selected unsupported protocol version 303".to_owned(),
        error => match error.source() {
            Some(source) => format!("tls: {source}"),
            None => format!("tls: {error}"),
        },
    }
}

/// The words that Go has for an alert.
fn alerted(alert: AlertDescription) -> String {
    let words = match u8::from(alert) {
        0 => "close notify",
        10 => "unexpected message",
        20 => "bad record MAC",
        21 => "decryption failed",
        22 => "record overflow",
        30 => "decompression failure",
        40 => "handshake failure",
        42 => "bad certificate",
        43 => "unsupported certificate",
        44 => "revoked certificate",
        45 => "expired certificate",
        46 => "unknown certificate",
        47 => "illegal parameter",
        48 => "unknown certificate authority",
        49 => "access denied",
        50 => "error decoding message",
        51 => "error decrypting message",
        60 => "export restriction",
        70 => "protocol version not supported",
        71 => "insufficient security level",
        80 => "internal error",
        86 => "inappropriate fallback",
        90 => "user canceled",
        100 => "no renegotiation",
        109 => "missing extension",
        110 => "unsupported extension",
        111 => "certificate unobtainable",
        112 => "unrecognized name",
        113 => "bad certificate status response",
        114 => "bad certificate hash value",
        115 => "unknown PSK identity",
        116 => "certificate required",
        120 => "no application protocol",
        121 => "encrypted client hello required",
        other => return format!("tls: alert({other})"),
    };
    words.to_owned()
}
