//! Which kubeconfig, read as kubectl reads it, and what is wrong with one, in words that hold nothing of its content: it is
//! full of credentials.

use std::io;
use std::path::{Path, PathBuf};

use kube::client::AuthError;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError, LoadDataError};
use kube::{Config, Error};

use super::{ClusterError, ConnectOptions};

/// Reads the kubeconfig the options ask for; without any, the Pod's service account.
pub(super) async fn load(options: &ConnectOptions) -> Result<Config, ClusterError> {
    let (paths, is_asked_for) = match &options.kubeconfig {
        Some(path) => (vec![path.clone()], true),
        None => (usual_paths(), false),
    };
    let Some(kubeconfig) = read(&paths, is_asked_for)? else {
        // A missing kubeconfig is what a Pod has.
        return Config::incluster().map_err(|_| {
            let first = paths.first().map_or_else(|| "~/.kube/config".to_owned(), |path| path.display().to_string());
            ClusterError::Kubeconfig(format!("{first} doesn't exist"))
        });
    };
    check(&kubeconfig, options.context.as_deref())?;
    let wanted = KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
    let words = |error| ClusterError::Kubeconfig(words(&error));
    Config::from_custom_kubeconfig(kubeconfig, &wanted).await.map_err(words)
}

fn usual_paths() -> Vec<PathBuf> {
    let named: Vec<PathBuf> = std::env::var_os("KUBECONFIG")
        .map(|paths| std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    if named.is_empty() {
        return std::env::home_dir().map(|home| home.join(".kube").join("config")).into_iter().collect();
    }
    named
}

/// Merges those that exist; `None` if none does. Of several paths kubectl and Helm pass over the ones that don't exist
/// (client-go 0.35 `tools/clientcmd/loader.go:ClientConfigLoadingRules.Load`).
fn read(paths: &[PathBuf], is_asked_for: bool) -> Result<Option<Kubeconfig>, ClusterError> {
    let mut merged: Option<Kubeconfig> = None;
    for path in paths {
        let read = match Kubeconfig::read_from(path) {
            Err(KubeconfigError::ReadConfig(error, _)) if !is_asked_for && error.kind() == io::ErrorKind::NotFound => {
                continue;
            }
            Err(error) => return Err(ClusterError::Kubeconfig(words_of(path, &error))),
            Ok(read) => read,
        };
        merged = Some(match merged {
            None => read,
            Some(before) => before.merge(read).map_err(|error| ClusterError::Kubeconfig(words_of(path, &error)))?,
        });
    }
    Ok(merged)
}

/// The context must be there, and so must the user it names: kube would go on as nobody.
fn check(kubeconfig: &Kubeconfig, wanted: Option<&str>) -> Result<(), ClusterError> {
    let known = || kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    let current = kubeconfig.current_context.as_deref().filter(|name| !name.is_empty());
    let Some(name) = wanted.or(current) else { return Err(ClusterError::NoContext { known: known() }) };
    let Some(context) = kubeconfig.contexts.iter().find(|context| context.name == name) else {
        return Err(ClusterError::UnknownContext { name: name.to_owned(), known: known() });
    };
    let user = context.context.as_ref().and_then(|context| context.user.as_deref()).filter(|user| !user.is_empty());
    match user {
        Some(user) if !kubeconfig.auth_infos.iter().any(|one| one.name == user) => {
            Err(ClusterError::Kubeconfig(format!("the user \"{user}\" of context \"{name}\" isn't in it")))
        }
        _ => Ok(()),
    }
}

fn words_of(path: &Path, error: &KubeconfigError) -> String {
    let path = path.display();
    match error {
        KubeconfigError::ReadConfig(error, _) if error.kind() == io::ErrorKind::NotFound => {
            format!("{path} doesn't exist")
        }
        KubeconfigError::ReadConfig(error, _) => format!("{path} can't be read: {}", cause(error)),
        // The parser's own words quote the lines around the place, tokens and all.
        KubeconfigError::Parse(error) => match error.location() {
            Some(place) => format!("{path} isn't a kubeconfig: line {}, column {}", place.line(), place.column()),
            None => format!("{path} isn't a kubeconfig"),
        },
        other => format!("{path}: {}", words(other)),
    }
}

fn words(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::LoadClusterOfContext(name) => format!("the cluster \"{name}\" isn't in it"),
        KubeconfigError::LoadCertificateAuthority(error) => format!("certificate authority: {}", of_data(error)),
        KubeconfigError::LoadClientCertificate(error) => format!("client certificate: {}", of_data(error)),
        KubeconfigError::LoadClientKey(error) => format!("client key: {}", of_data(error)),
        KubeconfigError::ParseClusterUrl(_) => "the server's address isn't a URL".to_owned(),
        KubeconfigError::ParseProxyUrl(_) => "the proxy's address isn't a URL".to_owned(),
        KubeconfigError::ParseCertificates(_) => "the certificates aren't PEM".to_owned(),
        KubeconfigError::Parse(_) => "it isn't a kubeconfig".to_owned(),
        other => refloat_core::report::shortened(&other.to_string(), 200),
    }
}

fn of_data(error: &LoadDataError) -> String {
    match error {
        LoadDataError::DecodeBase64(_) => "the data aren't base64".to_owned(),
        LoadDataError::ReadFile(error, path) => format!("{} can't be read: {}", path.display(), cause(error)),
        LoadDataError::NoBase64DataOrFile => "there is none".to_owned(),
    }
}

/// An input or output error without its number.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    refloat_core::report::shortened(&text.get(..end).unwrap_or_default().to_lowercase(), 200)
}

/// Why no client can be made of a configuration.
pub(super) fn unusable(error: &Error, login: Option<&str>) -> ClusterError {
    match error {
        Error::Auth(error) => ClusterError::Login(login_words(error, login)),
        Error::InferKubeconfig(error) => ClusterError::Kubeconfig(words(error)),
        other => ClusterError::Kubeconfig(super::plain(other)),
    }
}

/// Why the kubeconfig's way to log in gave nothing. Kube's own words hold the command's environment and all it printed, hence
/// perhaps a token; what it wrote to stderr is for people, and kubectl shows it too.
pub(super) fn login_words(error: &AuthError, command: Option<&str>) -> String {
    let command =
        command.map_or_else(|| "the login command".to_owned(), |command| format!("the login command {command}"));
    match error {
        AuthError::AuthExecStart(error) => format!("{command} can't be started: {}", cause(error)),
        AuthError::AuthExecRun { out, .. } => {
            let said = String::from_utf8_lossy(&out.stderr);
            let said = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
            format!("{command} failed: {}", refloat_core::report::shortened(said, 200))
        }
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => format!("{command} gave no credential"),
        AuthError::ReadTokenFile(error, path) => format!("{} can't be read: {}", path.display(), cause(error)),
        AuthError::InvalidBasicAuth(_) => "the user or password holds characters that can't be sent".to_owned(),
        AuthError::InvalidBearerToken(_) => "the token holds characters that can't be sent".to_owned(),
        AuthError::ParseTokenKey(_) => "the token's key can't be found".to_owned(),
        AuthError::Oidc(_) => "the OpenID Connect token can't be renewed".to_owned(),
        other => refloat_core::report::shortened(&other.to_string(), 200),
    }
}
