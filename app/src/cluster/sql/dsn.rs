//! From a connection string to its parameters, for both ways of writing one; and the lines of a password file.
//!
//! Takes `postgres://…` or `key=value …`; gives pairs, not judged. No part of the text ever appears in an error.

use std::collections::BTreeMap;

use super::super::ClusterError;

pub(super) fn wrong(text: impl std::fmt::Display) -> ClusterError {
    ClusterError::Setting(format!("HELM_DRIVER_SQL_CONNECTION_STRING: {text}"))
}

/// The text's parameters.
pub(super) fn pairs(text: &str) -> Result<BTreeMap<String, String>, ClusterError> {
    let text = text.trim();
    let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
    rest.map_or_else(|| key_values(text), url)
}

/// `key = value` pairs, values in single quotes if they have blanks, a backslash before what would end them.
fn key_values(text: &str) -> Result<BTreeMap<String, String>, ClusterError> {
    let mut pairs = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let pair = rest.split_once('=').map(|(key, after)| (key.trim(), after.trim_start()));
        let pair = pair.filter(|(key, _)| !key.is_empty() && !key.contains(char::is_whitespace));
        let (key, after) = pair.ok_or_else(|| {
            wrong("neither a postgres:// address nor key=value pairs; values with blanks have to be in single quotes")
        })?;
        let (quoted, body) = after.strip_prefix('\'').map_or((false, after), |body| (true, body));
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
        pairs.insert(key.to_owned(), value);
        rest = body.get(end.unwrap_or(body.len())..).unwrap_or_default().trim_start();
    }
    Ok(pairs)
}

/// What follows `postgres://`.
fn url(rest: &str) -> Result<BTreeMap<String, String>, ClusterError> {
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = address.split_once('/').unwrap_or((address, ""));
    // Otherwise what is meant as a password would be taken for a host or a database, and shown.
    if path.contains('@') || rest.contains('#') {
        return Err(wrong("/ and # in a password have to be written %2F and %23, and @ in a database's name %40"));
    }
    let (login, servers) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
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
        let byte =
            digits.filter(|digits| !digits.starts_with('+')).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or_else(|| wrong("% has to be written %25"))?);
        rest = after.get(2..).unwrap_or_default();
    }
    String::from_utf8(bytes).map_err(|_| wrong("percent-encoding that isn't UTF-8"))
}

/// The password in a password file's line `host:port:database:user:password` if the line is about this server.
pub(super) fn password_of(line: &str, wanted: [&str; 4]) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let found = pairs(text).unwrap();
        let found: Vec<_> = found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn addresses_are_taken_apart() {
        check("postgres://db", &[("host", "db")]);
        check(
            "postgresql://ada@db:6000/helm",
            &[("dbname", "helm"), ("host", "db"), ("port", "6000"), ("user", "ada")],
        );
        check("postgres:///helm?host=/run/pg", &[("dbname", "helm"), ("host", "/run/pg")]);
        check("postgres://%2Frun%2Fpg/helm", &[("dbname", "helm"), ("host", "/run/pg")]);
        check("postgres://[::1]:6000/", &[("host", "::1"), ("port", "6000")]);
        check("postgres://a:1,b:2/d", &[("dbname", "d"), ("host", "a,b"), ("port", "1,2")]);
        check(
            "postgres://h/d?search_path=a,b&sslmode=disable",
            &[("dbname", "d"), ("host", "h"), ("search_path", "a,b"), ("sslmode", "disable")],
        );
        check("postgres://h/?application_name=a+b%2B%25", &[("application_name", "a b+%"), ("host", "h")]);
        // Helm's client takes the last @ for the end of the password.
        check("postgres://ada:p@ss%2Fw%3Ard@h", &[("host", "h"), ("password", "p@ss/w:rd"), ("user", "ada")]);
    }

    #[test]
    fn pairs_are_taken_apart() {
        check("", &[]);
        check(" host=db  port = 6000 user='' ", &[("host", "db"), ("port", "6000"), ("user", "")]);
        check(r"password='it\'s a \\ secret' host=db", &[("host", "db"), ("password", r"it's a \ secret")]);
        check(r"password=a\ b\\c dbname=helm", &[("dbname", "helm"), ("password", r"a b\c")]);
        check("host=db password=", &[("host", "db"), ("password", "")]);
        check("password='a=b' host=db", &[("host", "db"), ("password", "a=b")]);
    }

    #[test]
    fn lines_of_a_password_file_are_matched() {
        let wanted = ["db", "5432", "helm", "ada"];
        assert_eq!(password_of("db:5432:helm:ada:hunter2", wanted).as_deref(), Some("hunter2"));
        assert_eq!(password_of(r"*:*:*:ada:a\:b\\c", wanted).as_deref(), Some(r"a:b\c"));
        for other in ["", "#*:*:*:*:x", "db:5433:helm:ada:x", "db:5432:helm:x", "*:*:*:eve:x"] {
            assert_eq!(password_of(other, wanted), None, "{other}");
        }
    }

    #[test]
    fn nothing_of_a_broken_text_is_told() {
        for text in [
            "postgres://ada:hunter/2@db/helm",
            "postgres://ada:hunter#2@db/helm",
            "postgres://ada:hunter%2@db/helm",
            "postgres://ada:%ff%fehunter@db/helm",
            "postgres://ada:hunter%+2@db/helm",
            "hunter",
            "host=db password=two hunter words",
            "password='hunter",
            r"password=hunter\",
            "=hunter",
        ] {
            let error = pairs(text).unwrap_err().to_string();
            assert!(error.starts_with("HELM_DRIVER_SQL_CONNECTION_STRING: "), "{error}");
            assert!(!error.contains("hunter") && !error.contains("ada"), "{text}: {error}");
        }
    }
}
