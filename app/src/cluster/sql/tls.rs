//! TLS to PostgreSQL, as strict as `sslmode` asks and never less.
//!
//! | sslmode | encrypted | certificate |
//! |---|---|---|
//! | `disable` | no | |
//! | `allow`, `prefer` | if the server can | as with `require`; a handshake that fails isn't followed by plain text |
//! | `require` (default) | yes | signed by `sslrootcert` or `~/.postgresql/root.crt` if there is one, else not looked at |
//! | `verify-ca` | yes | signed by one of those, or of the system's if there is none |
//! | `verify-full` | yes | the same, and made out for the host's name |
//!
//! Where Helm's client passes over an `sslrootcert` that doesn't exist and then verifies nothing, this is an error.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;
use x509_cert::der::Decode;

use super::super::ClusterError;
use super::dsn::wrong;

/// How strict, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    /// No TLS.
    Disable,
    /// TLS if the server has it.
    Prefer,
    /// TLS.
    Require,
    /// TLS with a trusted certificate.
    VerifyCa,
    /// TLS with a trusted certificate of this very host.
    VerifyFull,
}

/// Whom to trust.
pub(super) enum Roots {
    /// Nothing was said.
    Unset,
    /// What the system trusts.
    System,
    /// These, in PEM.
    Pem(Vec<u8>),
}

/// The client's own certificates and key, in PEM.
pub(super) struct Identity {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

/// What the connection string says about TLS.
pub(super) struct TlsSettings {
    /// How strict.
    pub mode: Mode,
    /// Whom to trust.
    pub roots: Roots,
    /// Who the client is.
    pub identity: Option<Identity>,
    /// Whether to tell the server the name it was called by.
    pub sni: bool,
    /// Whether TLS 1.2 is refused.
    pub only_tls13: bool,
    /// Whether TLS starts without PostgreSQL's own greeting.
    pub direct: bool,
}

impl TlsSettings {
    /// Reads the certificates.
    pub fn connector(&self) -> Result<MakeRustlsConnect, ClusterError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone());
        let tls13 = [&rustls::version::TLS13];
        let versions = if self.only_tls13 { &tls13[..] } else { rustls::ALL_VERSIONS };
        let builder = builder.with_protocol_versions(versions).map_err(wrong)?;
        let verifier = Arc::new(Verifier { trust: self.trust()?, provider });
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            Some(Identity { certificate, key }) => {
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|_| wrong("sslkey isn't an unencrypted private key in PEM"))?;
                let certificate = certificates_of(certificate, "sslcert")?;
                builder
                    .with_client_auth_cert(certificate, key)
                    .map_err(|_| wrong("sslcert and sslkey don't fit together"))?
            }
            None => builder.with_no_client_auth(),
        };
        config.enable_sni = self.sni;
        if self.direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(MakeRustlsConnect::new(config))
    }

    fn trust(&self) -> Result<Option<Trust>, ClusterError> {
        let names = self.mode == Mode::VerifyFull;
        let mut roots = RootCertStore::empty();
        let mut given = Vec::new();
        match &self.roots {
            _ if self.mode == Mode::Disable => return Ok(None),
            Roots::Unset if self.mode < Mode::VerifyCa => return Ok(None),
            Roots::Pem(pem) => {
                given = certificates_of(pem, "sslrootcert")?;
                for certificate in &given {
                    roots
                        .add(certificate.clone())
                        .map_err(|_| wrong("sslrootcert has a certificate that can't be used"))?;
                }
            }
            Roots::Unset | Roots::System => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        if roots.is_empty() {
            return Err(wrong("there is no certificate to trust; sslrootcert names a file with one"));
        }
        Ok(Some(Trust { roots, given, names }))
    }
}

fn certificates_of(pem: &[u8], key: &str) -> Result<Vec<CertificateDer<'static>>, ClusterError> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().ok();
    certificates
        .filter(|found| !found.is_empty())
        .ok_or_else(|| wrong(format_args!("{key} isn't a certificate in PEM")))
}

#[derive(Debug)]
struct Trust {
    roots: RootCertStore,
    given: Vec<CertificateDer<'static>>,
    names: bool,
}

impl Trust {
    /// Whether this is itself one of the certificates to trust: a server's own self-signed one, which as a rule is marked as an
    /// authority's, so that the usual check would not take it for a server's.
    fn is_given(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<bool, Error> {
        if !self.given.iter().any(|given| given.as_ref() == certificate.as_ref()) {
            return Ok(false);
        }
        let parsed = x509_cert::Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
        let validity = parsed.tbs_certificate.validity;
        match now.as_secs() {
            now if now < validity.not_before.to_unix_duration().as_secs() => Err(CertificateError::NotValidYet.into()),
            now if now > validity.not_after.to_unix_duration().as_secs() => Err(CertificateError::Expired.into()),
            _ => Ok(true),
        }
    }
}

/// Looks at the server's certificate. Whatever is trusted, the server has to prove that it holds the certificate's key: SCRAM's
/// channel binding rests on that.
#[derive(Debug)]
struct Verifier {
    trust: Option<Trust>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trust) = &self.trust else { return Ok(ServerCertVerified::assertion()) };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        if !trust.is_given(end_entity, now)? {
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, &trust.roots, intermediates, now, algorithms)?;
        }
        if trust.names {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

    use super::*;

    /// An authority by this name.
    fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    /// A certificate of `db.test`, self-signed and marked as an authority's, as `openssl req -x509` makes it.
    fn own(until: i32) -> rcgen::Certificate {
        let mut params = CertificateParams::new(["db.test".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = date_time_ymd(until, 1, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap()
    }

    fn verdict(mode: Mode, roots: Roots, certificate: &rcgen::Certificate, name: &str) -> Result<(), String> {
        let settings = TlsSettings { mode, roots, identity: None, sni: true, only_tls13: false, direct: false };
        let provider = Arc::new(ring::default_provider());
        let verifier = Verifier { trust: settings.trust().map_err(|error| error.to_string())?, provider };
        let name = ServerName::try_from(name).unwrap();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_800_000_000));
        let verdict = verifier.verify_server_cert(certificate.der(), &[], &name, &[], now);
        verdict.map(|_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_mode_checks_what_it_says() {
        let (ours, theirs) = (authority("ours"), authority("theirs"));
        let params = CertificateParams::new(["db.test".to_owned()]).unwrap();
        let server = params.signed_by(&KeyPair::generate().unwrap(), &ours).unwrap();
        let ours = || Roots::Pem(ours.pem().into_bytes());
        let theirs = || Roots::Pem(theirs.pem().into_bytes());
        let holds = |mode, roots, name| verdict(mode, roots, &server, name).is_ok();
        assert!(holds(Mode::Require, Roots::Unset, "other.test"));
        assert!(holds(Mode::Require, ours(), "other.test"));
        assert!(!holds(Mode::Require, theirs(), "db.test"));
        assert!(!holds(Mode::Prefer, theirs(), "db.test"));
        assert!(holds(Mode::VerifyCa, ours(), "other.test"));
        assert!(!holds(Mode::VerifyCa, theirs(), "db.test"));
        assert!(holds(Mode::VerifyFull, ours(), "db.test"));
        assert!(!holds(Mode::VerifyFull, ours(), "other.test"));
        assert!(!holds(Mode::VerifyFull, theirs(), "db.test"));
    }

    #[test]
    fn a_certificate_given_as_trusted_is_its_own_authority() {
        let (server, old, stranger) = (own(2100), own(2020), own(2100));
        let given = |certificate: &rcgen::Certificate| Roots::Pem(certificate.pem().into_bytes());
        assert_eq!(verdict(Mode::VerifyFull, given(&server), &server, "db.test"), Ok(()));
        assert!(verdict(Mode::VerifyFull, given(&server), &server, "other.test").is_err());
        assert!(verdict(Mode::VerifyCa, given(&stranger), &server, "db.test").is_err());
        assert!(verdict(Mode::VerifyCa, given(&old), &old, "db.test").unwrap_err().contains("Expired"));
    }

    #[test]
    fn what_isnt_pem_is_told_without_its_content() {
        let roots = Roots::Pem(b"hunter2".to_vec());
        let error = verdict(Mode::VerifyCa, roots, &own(2100), "db.test").unwrap_err();
        assert!(error.contains("sslrootcert isn't a certificate") && !error.contains("hunter2"), "{error}");
        let identity = Some(Identity { certificate: own(2100).pem().into_bytes(), key: b"hunter2".to_vec() });
        let settings = TlsSettings {
            mode: Mode::Require,
            roots: Roots::Unset,
            identity,
            sni: true,
            only_tls13: false,
            direct: false,
        };
        let error = settings.connector().err().unwrap().to_string();
        assert!(error.contains("sslkey isn't") && !error.contains("hunter2"), "{error}");
    }
}
