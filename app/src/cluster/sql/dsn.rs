//! From a connection string to settings, as Helm's own PostgreSQL client (lib/pq 1.12.3 `connector.go`) reads it.
//!
//! Takes `postgres://…` or `key=value …`, and the PG* variables for what the text leaves out. What can't be honoured is
//! refused by name before anything is sent. Values, the password's above all, never appear in an error.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, LoadBalanceHosts, SslMode, SslNegotiation, TargetSessionAttrs};

use super::super::ClusterError;
use super::tls::{Mode, Roots, TlsSettings};

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
pub(super) struct Dsn {
    /// For the PostgreSQL client. Holds the password: never to be shown.
    pub config: Config,
    /// For TLS.
    pub tls: TlsSettings,
    /// `host:port/dbname`, for errors.
    pub server: String,
}

impl Dsn {
    /// Reads the text, and the variables for what it leaves out.
    pub fn parse(text: &str, env: Env<'_>) -> Result<Self, ClusterError> {
        let text = text.trim();
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        let mut params = Params(rest.map_or_else(|| key_values(text), url)?);
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

fn wrong(text: impl std::fmt::Display) -> ClusterError {
    ClusterError::Setting(format!("HELM_DRIVER_SQL_CONNECTION_STRING: {text}"))
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
    Ok(hosts.iter().zip(ports).map(|(host, port)| {
        let host = if host.is_empty() { "localhost" } else { host };
        config.host(host);
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }).collect())
}

fn login(params: &mut Params, config: &mut Config, dbname: Option<&str>, env: Env<'_>) {
    let user = params.take("user").or_else(|| env("USER")).or_else(|| env("USERNAME"));
    let passfile = params.take("passfile").or_else(|| home(env, ".pgpass"));
    if let Some(user) = &user {
        config.user(user);
    }
    if let Some(dbname) = dbname {
        config.dbname(dbname);
    }
    let user = user.unwrap_or_default();
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

/// The password in a line `host:port:database:user:password` if the line is about this server.
fn password_of(line: &str, wanted: [&str; 4]) -> Option<String> {
    let (mut fields, mut escaped) = (vec![String::new()], false);
    for c in line.chars().filter(|_| !line.starts_with('#')) {
        match c {
            '\\' if !escaped => escaped = true,
            ':' if !escaped => fields.push(String::new()),
            _ => {
                escaped = false;
                fields.last_mut()?.push(c);
            }
        }
    }
    let matches = fields.len() == 5 && fields.iter().zip(wanted).all(|(field, wanted)| field == "*" || field == wanted);
    fields.pop().filter(|_| matches)
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
    let inline = params.flag("sslinline")?.unwrap_or(false);
    let mut file = |key: &'static str, default: &str| match params.take(key) {
        Some(pem) if inline => Ok(Some(pem.into_bytes())),
        Some(path) if path == "system" && key == "sslrootcert" => Ok(Some(path.into_bytes())),
        Some(path) => std::fs::read(path).map(Some).map_err(|error| wrong(format_args!("{key} can't be read: {error}"))),
        None if inline => Ok(None),
        None => Ok(home(env, default).and_then(|path| std::fs::read(path).ok())),
    };
    let root = file("sslrootcert", ".postgresql/root.crt")?;
    let identity = file("sslcert", ".postgresql/postgresql.crt")?.zip(file("sslkey", ".postgresql/postgresql.key")?);
    let roots = match root {
        Some(word) if word == b"system" => Roots::System,
        Some(pem) => Roots::Pem(pem),
        None => Roots::Unset,
    };
    let default = if matches!(roots, Roots::System) { Mode::VerifyFull } else { Mode::Require };
    // PostgreSQL has no TLS over Unix sockets.
    let mode = if unix { Mode::Disable } else { asked.unwrap_or(default) };
    if matches!(roots, Roots::System) && mode < Mode::VerifyFull && !unix {
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
    if direct {
        config.ssl_negotiation(SslNegotiation::Direct);
    }
    let bindings =
        [("disable", ChannelBinding::Disable), ("prefer", ChannelBinding::Prefer), ("require", ChannelBinding::Require)];
    if let Some(binding) = params.word("channel_binding", &bindings)? {
        config.channel_binding(binding);
    }
    let oldest = [("TLSv1", false), ("TLSv1.0", false), ("TLSv1.1", false), ("TLSv1.2", false), ("TLSv1.3", true)];
    let only_tls13 = params.word("ssl_min_protocol_version", &oldest)?.unwrap_or(false);
    Ok(TlsSettings { mode, roots, identity, sni: params.flag("sslsni")?.unwrap_or(true), only_tls13, direct })
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
    let seconds = params.take("connect_timeout").map(|value| Params::number::<i64>("connect_timeout", &value)).transpose()?;
    let timeout = seconds.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
    config.connect_timeout(timeout.map_or(CONNECT_TIMEOUT, Duration::from_secs));
    config.keepalives_idle(Duration::from_secs(30));
    let fallback = params.take("fallback_application_name").unwrap_or_else(|| "refloat".to_owned());
    config.application_name(params.take("application_name").unwrap_or(fallback));
    let encoding = params.take("client_encoding").map(|name| name.replace(['-', '_', '"', '\'', ' '], "").to_lowercase());
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
        let escaped: String = value.chars().flat_map(|c| (c == '\\' || c.is_whitespace()).then_some('\\').into_iter().chain([c])).collect();
        options.push(format!("-c {key}={escaped}"));
    }
    if !options.is_empty() {
        config.options(options.join(" "));
    }
    Ok(())
}

/// `key = value` pairs, values in single quotes if they have blanks, a backslash before what would end them.
fn key_values(text: &str) -> Result<BTreeMap<String, String>, ClusterError> {
    let mut pairs = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or_else(|| wrong("neither a postgres:// address nor key=value pairs"))?;
        if key.trim().contains(char::is_whitespace) {
            return Err(wrong("a word without \"=\"; put values with blanks in single quotes"));
        }
        let after = after.trim_start();
        let quoted = after.starts_with('\'');
        let body = after.strip_prefix('\'').unwrap_or(after);
        let (mut value, mut end, mut escaped) = (String::new(), None, false);
        for (at, c) in body.char_indices() {
            match c {
                '\\' if !escaped => escaped = true,
                _ if escaped => {
                    escaped = false;
                    value.push(c);
                }
                '\'' if quoted => {
                    end = Some(at + 1);
                    break;
                }
                c if !quoted && c.is_whitespace() => {
                    end = Some(at);
                    break;
                }
                c => value.push(c),
            }
        }
        if escaped || (quoted && end.is_none()) {
            return Err(wrong("a quoted value doesn't end"));
        }
        pairs.insert(key.trim().to_owned(), value);
        rest = body.get(end.unwrap_or(body.len())..).unwrap_or_default().trim_start();
    }
    Ok(pairs)
}

/// What follows `postgres://`.
fn url(rest: &str) -> Result<BTreeMap<String, String>, ClusterError> {
    let escape = || wrong("@, / and # in a user name or password have to be written %40, %2F and %23");
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = address.split_once('/').unwrap_or((address, ""));
    // Otherwise what is meant as a password would be taken for a host or a database, and shown.
    if path.contains('@') || rest.contains('#') {
        return Err(escape());
    }
    let (login, servers) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    if password.contains('@') || user.contains('@') {
        return Err(escape());
    }
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for server in servers.split(',') {
        let bracketed = server.strip_prefix('[').and_then(|server| server.split_once(']'));
        let (host, port) = match bracketed {
            Some((host, port)) => (host, port.strip_prefix(':').unwrap_or(port)),
            None => server.rsplit_once(':').unwrap_or((server, "")),
        };
        hosts.push(decoded(host)?);
        ports.push(decoded(port)?);
    }
    let port = if ports.iter().all(String::is_empty) { String::new() } else { ports.join(",") };
    let mut pairs = BTreeMap::from([("host".to_owned(), hosts.join(",")), ("port".to_owned(), port)]);
    for (key, value) in [("user", user), ("password", password), ("dbname", path)] {
        pairs.insert(key.to_owned(), decoded(value)?);
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(&value.replace('+', " "))?;
        pairs.insert(decoded(&key.replace('+', " "))?, value);
    }
    pairs.retain(|_, value| !value.is_empty());
    Ok(pairs)
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> Result<String, ClusterError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|digits| !digits.starts_with('+')).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or_else(|| wrong("% has to be written %25"))?);
        rest = after.get(2..).unwrap_or_default();
    }
    String::from_utf8(bytes).map_err(|_| wrong("percent-encoding that isn't UTF-8"))
}
