//! What a connection string means, as Helm's own PostgreSQL client (lib/pq 1.12.3 `connector.go`) understands it.
//!
//! Takes the string's parameters, and the PG* variables for what it leaves out; gives what the PostgreSQL client and TLS need.
//! What can't be honoured is refused by name before anything is sent. Values, the password's above all, never appear in an
//! error.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, LoadBalanceHosts, SslMode, SslNegotiation, TargetSessionAttrs};

use super::super::ClusterError;
use super::dsn::{pairs, password_of, wrong};
use super::tls::{Identity, Mode, Roots, TlsSettings};

/// How long to wait for a connection if the text doesn't say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a variable stands for. Those that only tighten security are here so that they are refused rather than ignored.
const VARIABLES: [(&str, &str); 29] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGDATABASE", "dbname"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGOPTIONS", "options"),
    ("PGAPPNAME", "application_name"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLSNI", "sslsni"),
    ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGLOADBALANCEHOSTS", "load_balance_hosts"),
    ("PGTZ", "timezone"),
    ("PGGEQO", "geqo"),
    ("PGSERVICE", "service"),
    ("PGREQUIRESSL", "requiressl"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGREQUIREPEER", "requirepeer"),
    ("PGSSLCRL", "sslcrl"),
    ("PGSSLCRLDIR", "sslcrldir"),
    ("PGSSLCERTMODE", "sslcertmode"),
];

/// Where variables come from.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A connection string, understood.
pub(super) struct SqlSettings {
    /// For the PostgreSQL client. Holds the password: never to be shown.
    pub config: Config,
    /// For TLS.
    pub tls: TlsSettings,
    /// `host:port/dbname`, for errors.
    pub server: String,
}

impl SqlSettings {
    /// Reads the text, and the variables for what it leaves out.
    pub fn parse(text: &str, env: Env<'_>) -> Result<Self, ClusterError> {
        let mut params = Params(pairs(text)?);
        for (variable, key) in VARIABLES {
            if let Some(value) = env(variable).filter(|value| !value.is_empty()) {
                params.0.entry(key.to_owned()).or_insert(value);
            }
        }
        // As Helm's client: `database` is another word for `dbname`.
        if let Some(database) = params.take("database") {
            params.0.insert("dbname".to_owned(), database);
        }
        let mut config = Config::new();
        let places = places(&mut params, &mut config)?;
        let dbname = params.take("dbname");
        let server = dbname.iter().fold(places.join(","), |server, name| format!("{server}/{name}"));
        login(&mut params, &mut config, dbname.as_deref(), env);
        let unix = config.get_hosts().iter().all(|host| !matches!(host, tokio_postgres::config::Host::Tcp(_)));
        let tls = tls(&mut params, &mut config, unix, env)?;
        session(&mut params, &mut config)?;
        runtime(params, &mut config)?;
        Ok(Self { config, tls, server })
    }
}

/// The parameters not yet made use of.
struct Params(BTreeMap<String, String>);

impl Params {
    fn take(&mut self, key: &str) -> Option<String> {
        self.0.remove(key).filter(|value| !value.is_empty())
    }

    /// One of the words a parameter can be.
    fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Result<Option<T>, ClusterError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let known = words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning);
        let names = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        known.map(Some).ok_or_else(|| wrong(format_args!("{key} can be {}", names())))
    }

    fn number<T: std::str::FromStr>(key: &str, value: &str) -> Result<T, ClusterError> {
        value.parse().map_err(|_| wrong(format_args!("{key} isn't a number, or too big")))
    }

    fn flag(&mut self, key: &str) -> Result<Option<bool>, ClusterError> {
        let words = ["1", "t", "true", "yes", "on"].map(|word| (word, true));
        self.word(key, &[&words[..], &["0", "f", "false", "no", "off"].map(|word| (word, false))].concat())
    }
}

/// Hosts and ports; gives what to call them.
fn places(params: &mut Params, config: &mut Config) -> Result<Vec<String>, ClusterError> {
    let list = |text: String| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let addresses = params.take("hostaddr").map(list).unwrap_or_default();
    let mut hosts = params.take("host").map(list).unwrap_or_default();
    if hosts.is_empty() {
        hosts = if addresses.is_empty() { vec![String::new()] } else { addresses.clone() };
    }
    let ports = params.take("port").map_or_else(|| vec![String::new()], list);
    let ports = ports.iter().map(|port| if port.is_empty() { Ok(5432) } else { Params::number("port", port) });
    let ports: Vec<u16> = ports.collect::<Result<_, _>>()?;
    if (ports.len() > 1 && ports.len() != hosts.len()) || (!addresses.is_empty() && addresses.len() != hosts.len()) {
        return Err(wrong("host, hostaddr and port list different numbers of servers"));
    }
    for address in addresses {
        config.hostaddr(address.parse().map_err(|_| wrong("hostaddr isn't an IP address"))?);
    }
    for port in &ports {
        config.port(*port);
    }
    let ports = ports.iter().cycle();
    Ok(hosts
        .iter()
        .zip(ports)
        .map(|(host, port)| {
            let host = if host.is_empty() { "localhost" } else { host };
            config.host(host);
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
        })
        .collect())
}

fn login(params: &mut Params, config: &mut Config, dbname: Option<&str>, env: Env<'_>) {
    let user = params.take("user");
    let passfile = params.take("passfile").or_else(|| home(env, ".pgpass"));
    if let Some(user) = &user {
        config.user(user);
    }
    if let Some(dbname) = dbname {
        config.dbname(dbname);
    }
    // Without one, the client goes by the account it runs as.
    let user = user.or_else(|| env("USER")).or_else(|| env("USERNAME")).unwrap_or_default();
    let host = match config.get_hosts().first() {
        Some(tokio_postgres::config::Host::Tcp(host)) => host.clone(),
        _ => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    // A password file that can't be read is passed over, as by Helm's client; the server then asks for the password.
    let kept = || {
        let lines = std::fs::read_to_string(passfile?).ok()?;
        lines.lines().find_map(|line| password_of(line, [&host, &port, dbname.unwrap_or(&user), &user]))
    };
    if let Some(password) = params.take("password").or_else(kept) {
        config.password(password);
    }
}

fn home(env: Env<'_>, file: &str) -> Option<String> {
    let home = env("HOME").or_else(|| env("USERPROFILE")).filter(|home| !home.is_empty())?;
    Some(format!("{home}/{file}"))
}

fn tls(params: &mut Params, config: &mut Config, unix: bool, env: Env<'_>) -> Result<TlsSettings, ClusterError> {
    let modes = [
        ("disable", Mode::Disable),
        ("allow", Mode::Prefer),
        ("prefer", Mode::Prefer),
        ("require", Mode::Require),
        ("verify-ca", Mode::VerifyCa),
        ("verify-full", Mode::VerifyFull),
    ];
    let asked = params.word("sslmode", &modes)?;
    let system = params.0.get("sslrootcert").is_some_and(|path| path == "system");
    let default = if system { Mode::VerifyFull } else { Mode::Require };
    // PostgreSQL has no TLS over Unix sockets.
    let mode = if unix { Mode::Disable } else { asked.unwrap_or(default) };
    if system && !unix && mode < Mode::VerifyFull {
        return Err(wrong("sslrootcert=system needs sslmode=verify-full, as anyone can get a certificate signed"));
    }
    config.ssl_mode(match mode {
        Mode::Disable => SslMode::Disable,
        Mode::Prefer => SslMode::Prefer,
        Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
    });
    let direct = params.word("sslnegotiation", &[("postgres", false), ("direct", true)])?.unwrap_or(false);
    if direct && mode < Mode::Require {
        return Err(wrong("sslnegotiation=direct needs sslmode=require or more"));
    }
    config.ssl_negotiation(if direct { SslNegotiation::Direct } else { SslNegotiation::Postgres });
    let bindings = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    config.channel_binding(params.word("channel_binding", &bindings)?.unwrap_or(ChannelBinding::Prefer));
    let oldest = [("TLSv1", false), ("TLSv1.0", false), ("TLSv1.1", false), ("TLSv1.2", false), ("TLSv1.3", true)];
    let only_tls13 = params.word("ssl_min_protocol_version", &oldest)?.unwrap_or(false);
    let sni = params.flag("sslsni")?.unwrap_or(true);
    let (roots, identity) = certificates(params, mode, env)?;
    Ok(TlsSettings { mode, roots, identity, sni, only_tls13, direct })
}

/// Whom to trust, and the client's own certificate and key: from the text itself, from files it names, or from their usual places.
fn certificates(params: &mut Params, mode: Mode, env: Env<'_>) -> Result<(Roots, Option<Identity>), ClusterError> {
    let inline = params.flag("sslinline")?.unwrap_or(false);
    let [root, certificate, key] = ["sslrootcert", "sslcert", "sslkey"].map(|key| params.take(key));
    if mode == Mode::Disable {
        return Ok((Roots::Unset, None));
    }
    let read = |name: &str, value: Option<String>, usual: &str| match value {
        Some(pem) if inline => Ok(Some(pem.into_bytes())),
        Some(path) => {
            std::fs::read(path).map(Some).map_err(|error| wrong(format_args!("{name} can't be read: {error}")))
        }
        None if inline => Ok(None),
        None => Ok(home(env, usual).and_then(|path| std::fs::read(path).ok())),
    };
    let roots = match root {
        Some(word) if word == "system" => Roots::System,
        root => read("sslrootcert", root, ".postgresql/root.crt")?.map_or(Roots::Unset, Roots::Pem),
    };
    let certificate = read("sslcert", certificate, ".postgresql/postgresql.crt")?;
    let key = read("sslkey", key, ".postgresql/postgresql.key")?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok((roots, Some(Identity { certificate, key }))),
        (Some(_), None) => Err(wrong("sslcert needs sslkey")),
        (None, _) => Ok((roots, None)),
    }
}

fn session(params: &mut Params, config: &mut Config) -> Result<(), ClusterError> {
    let attributes = [
        ("any", TargetSessionAttrs::Any),
        ("read-write", TargetSessionAttrs::ReadWrite),
        ("read-only", TargetSessionAttrs::ReadOnly),
    ];
    config.target_session_attrs(params.word("target_session_attrs", &attributes)?.unwrap_or(TargetSessionAttrs::Any));
    let balance = [("disable", LoadBalanceHosts::Disable), ("random", LoadBalanceHosts::Random)];
    config.load_balance_hosts(params.word("load_balance_hosts", &balance)?.unwrap_or(LoadBalanceHosts::Disable));
    let seconds =
        params.take("connect_timeout").map(|value| Params::number::<i64>("connect_timeout", &value)).transpose()?;
    let timeout = seconds.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
    config.connect_timeout(timeout.map_or(CONNECT_TIMEOUT, Duration::from_secs));
    config.keepalives_idle(Duration::from_secs(30));
    let fallback = params.take("fallback_application_name").unwrap_or_else(|| "refloat".to_owned());
    config.application_name(params.take("application_name").unwrap_or(fallback));
    let encoding =
        params.take("client_encoding").map(|name| name.replace(['-', '_', '"', '\'', ' '], "").to_lowercase());
    if encoding.is_some_and(|name| name != "utf8") {
        return Err(wrong("client_encoding can be UTF8"));
    }
    // These steer how Helm's client writes values, which makes no difference to what is stored.
    for unneeded in ["datestyle", "binary_parameters", "disable_prepared_binary_result"] {
        params.take(unneeded);
    }
    Ok(())
}

/// What is left are settings of the server's, such as `search_path`: sent along as options, for the server to judge.
fn runtime(mut params: Params, config: &mut Config) -> Result<(), ClusterError> {
    let mut options: Vec<String> = params.take("options").into_iter().collect();
    for (key, value) in params.0 {
        let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c)) && !key.is_empty();
        if !plain {
            return Err(wrong("a parameter's name has strange characters; put values with blanks in single quotes"));
        }
        // Unknown words about security must not be found out only after the password was sent.
        let guarded = ["ssl", "gss", "krb", "require", "scram"].iter().any(|word| key.starts_with(word));
        if guarded || ["service", "min_protocol_version", "max_protocol_version"].contains(&key.as_str()) {
            return Err(wrong(format_args!("{key} isn't supported")));
        }
        let escaped: String = value
            .chars()
            .flat_map(|c| (c == '\\' || c.is_whitespace()).then_some('\\').into_iter().chain([c]))
            .collect();
        options.push(format!("-c {key}={escaped}"));
    }
    if !options.is_empty() {
        config.options(options.join(" "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    fn parsed(text: &str) -> SqlSettings {
        SqlSettings::parse(text, &none).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn refusal(text: &str) -> String {
        SqlSettings::parse(text, &none).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_left_out_is_as_in_helms_client() {
        let settings = parsed("");
        assert_eq!(settings.server, "localhost:5432");
        assert_eq!(settings.tls.mode, Mode::Require);
        assert_eq!(settings.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(settings.config.get_connect_timeout(), Some(&CONNECT_TIMEOUT));
        assert_eq!(parsed("host=/run/pg").tls.mode, Mode::Disable);
        assert_eq!(parsed("host=/run/pg,db").tls.mode, Mode::Require);
        assert_eq!(parsed("sslrootcert=system").tls.mode, Mode::VerifyFull);
        assert_eq!(parsed("database=helm").config.get_dbname(), Some("helm"));
    }

    #[test]
    fn a_server_is_called_by_host_and_database_alone() {
        assert_eq!(parsed("postgres://ada:hunter2@db:6000/helm").server, "db:6000/helm");
        assert_eq!(parsed("postgres://ada:hunter2@[::1]/helm").server, "[::1]:5432/helm");
        assert_eq!(parsed("host=a,b port=1,2 dbname=helm").server, "a:1,b:2/helm");
        assert_eq!(parsed("hostaddr=127.0.0.1").server, "127.0.0.1:5432");
    }

    #[test]
    fn variables_fill_in_and_never_weaken() {
        let env = |variable: &str| match variable {
            "PGSSLMODE" => Some("verify-full".to_owned()),
            "PGPASSWORD" => Some("hunter2".to_owned()),
            "PGHOST" => Some("db".to_owned()),
            "PGDATABASE" => Some(String::new()),
            _ => None,
        };
        let settings = SqlSettings::parse("dbname=helm", &env).unwrap();
        assert_eq!((settings.tls.mode, settings.server.as_str()), (Mode::VerifyFull, "db:5432/helm"));
        assert_eq!(settings.config.get_password(), Some("hunter2".as_bytes()));
        let stricter = |variable: &str| (variable == "PGREQUIREPEER").then(|| "root".to_owned());
        let error = SqlSettings::parse("", &stricter).err().unwrap().to_string();
        assert!(error.ends_with("requirepeer isn't supported"), "{error}");
    }

    #[test]
    fn the_servers_own_settings_become_options() {
        let options = |text| parsed(text).config.get_options().map(str::to_owned);
        assert_eq!(options("host=db"), None);
        assert_eq!(options("search_path=helm,public").as_deref(), Some("-c search_path=helm,public"));
        assert_eq!(options(r#"search_path='"a b", c\\d'"#).as_deref(), Some(r#"-c search_path="a\ b",\ c\\d"#));
        assert_eq!(options("options='-c geqo=off' role=helm").as_deref(), Some("-c geqo=off -c role=helm"));
        assert_eq!(options("binary_parameters=yes datestyle='ISO, MDY' client_encoding=UTF-8"), None);
    }

    #[test]
    fn what_cant_be_honoured_is_named() {
        for (text, said) in [
            ("sslcrl=/crl", "sslcrl isn't supported"),
            ("sslmod=verify-full", "sslmod isn't supported"),
            ("service=helm", "service isn't supported"),
            ("krbsrvname=x", "krbsrvname isn't supported"),
            ("sslmode=strict", "sslmode can be disable, allow, prefer, require, verify-ca, verify-full"),
            ("sslrootcert=system sslmode=require", "sslrootcert=system needs sslmode=verify-full"),
            ("sslnegotiation=direct sslmode=prefer", "sslnegotiation=direct needs sslmode=require"),
            ("sslrootcert=/nonexistent/root.crt", "sslrootcert can't be read"),
            ("sslinline=1 sslcert=x", "sslcert needs sslkey"),
            ("port=hunter2", "port isn't a number"),
            ("port=70000", "port isn't a number, or too big"),
            ("hostaddr=hunter2", "hostaddr isn't an IP address"),
            ("host=a,b port=1,2,3", "different numbers of servers"),
            ("connect_timeout=soon", "connect_timeout isn't a number"),
            ("client_encoding=LATIN1", "client_encoding can be UTF8"),
            ("a-b=hunter2", "strange characters"),
        ] {
            let error = refusal(text);
            assert!(error.contains(said) && !error.contains("hunter2"), "{text}: {error}");
        }
        // Without TLS nothing is read that is for TLS alone.
        assert_eq!(refusal("sslmode=disable sslrootcert=/nonexistent/root.crt"), "");
    }

    #[test]
    fn a_password_file_is_searched_for_the_server() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "other:*:*:*:no\nlocalhost:5432:helm:ada:hunter2\n").unwrap();
        let text = format!("user=ada dbname=helm passfile={}", file.path().display());
        assert_eq!(parsed(&text).config.get_password(), Some("hunter2".as_bytes()));
        assert_eq!(parsed(&format!("{text} password=own")).config.get_password(), Some("own".as_bytes()));
    }
}
