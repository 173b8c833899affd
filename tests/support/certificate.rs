//! A certificate for `localhost` that a test's gateway has and a session can trust.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio_rustls::TlsAcceptor;

use crate::gateway::{Client, Gateway, soon};

/// A certificate for `localhost`, as a server has it and as a file to trust.
pub(crate) struct Certificate {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) file: PathBuf,
    _folder: tempfile::TempDir,
}

pub(crate) fn certificate() -> Certificate {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("root.pem");
    std::fs::write(&file, made.cert.pem()).expect("it is written");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the usual versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a server");
    Certificate { acceptor: TlsAcceptor::from(Arc::new(server)), file, _folder: folder }
}

impl Certificate {
    /// Takes the next client of a gateway over TLS, and answers its login that it is `mid`.
    pub(crate) async fn accept_login(&self, gateway: &Gateway, mid: &str) -> Client {
        let stream = gateway.accept_tcp().await;
        let stream = soon("a TLS handshake", self.acceptor.accept(stream)).await.expect("a TLS handshake");
        let mut client = Client::on(stream).await;
        assert_eq!(client.receive().await["command"], "Login");
        client.log_in(&json!({"mid": mid})).await;
        client
    }
}
