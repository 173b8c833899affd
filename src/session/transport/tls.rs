//! Whom a session trusts: the system's certificates, or those of a file. How the connection is made is `connect`'s business.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Why nobody can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The file with the certificates cannot be read.
    #[error("cannot read the certificates in {}: {reason}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system has no certificates, or none that can be used.
    #[error("the system's certificates cannot be used: {0}")]
    System(String),
}

/// The TLS configuration that trusts the certificates in `root`, or the system's.
///
/// A given file is read each time, so that a renewed one is taken up; the system's are read once.
///
pub(super) async fn client_config(root: Option<PathBuf>) -> Result<Arc<ClientConfig>, TlsError> {
    in_background(move || match root {
        Some(file) => Ok(trusting(from_file(&file)?)),
        None => from_system(),
    })
    .await
}

/// The TLS configuration for servers that are no gateways, such as those for files: the system's certificates are
/// trusted as far as there are any, and those in `root` too.
///
/// # Errors
/// When the file cannot be read, or holds no certificate.
pub async fn media_config(root: Option<PathBuf>) -> Result<Arc<ClientConfig>, TlsError> {
    in_background(move || {
        let mut roots = root.as_deref().map_or_else(|| Ok(RootCertStore::empty()), from_file)?;
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Ok(trusting(roots))
    })
    .await
}

async fn in_background(
    read: impl FnOnce() -> Result<Arc<ClientConfig>, TlsError> + Send + 'static,
) -> Result<Arc<ClientConfig>, TlsError> {
    let reading = tokio::task::spawn_blocking(read);
    reading.await.unwrap_or_else(|error| Err(TlsError::System(error.to_string())))
}

fn from_file(file: &Path) -> Result<RootCertStore, TlsError> {
    let wrong = |reason: String| TlsError::File { file: file.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))? {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("found no certificate, expected PEM".to_owned()));
    }
    Ok(roots)
}

fn from_system() -> Result<Arc<ClientConfig>, TlsError> {
    static SYSTEM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = SYSTEM.get() {
        return Ok(Arc::clone(config));
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        let reason = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(TlsError::System(reason));
    }
    Ok(Arc::clone(SYSTEM.get_or_init(|| trusting(roots))))
}

fn trusting(roots: RootCertStore) -> Arc<ClientConfig> {
    let provider = CryptoProvider::get_default().map_or_else(|| Arc::new(ring::default_provider()), Arc::clone);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider supports the usual versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}
