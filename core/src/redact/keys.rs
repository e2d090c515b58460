//! Which keys look as if a secret stood behind them.
//!
//! Takes a key of an object, a flag or a variable's name; gives its [`Class`]. Hiding too much does little harm in values, but
//! what names another thing (`secretName`, `secretKeyRef`) has to stay, or nothing could be explained from it.

/// What a key says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing.
    Plain,
    /// Its value names or measures something, so it is no secret, and neither is what stands below only because of a key above.
    Reference,
    /// Its value is secret.
    Secret {
        /// Whether whatever stands below is, too.
        inherited: bool,
    },
    /// It may be a key or the name of one: only the value tells.
    Key,
}

/// Secret wherever they stand in a key, and for all that stands below.
const STRONG: [&str; 24] = [
    "passw",
    "passphrase",
    "passcode",
    "secret",
    "credential",
    "token",
    "apikey",
    "privatekey",
    "accesskey",
    "authkey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "sharedkey",
    "accountkey",
    "storagekey",
    "sshkey",
    "licensekey",
    "licencekey",
    "connectionstring",
    "connstr",
    "htpasswd",
    "dockerconfig",
    "bearer",
];

/// Secret as words of their own, for the value itself only: sections of charts are called so, too.
const WORDS: [&str; 22] = [
    "pass",
    "pwd",
    "pw",
    "pin",
    "auth",
    "authorization",
    "cred",
    "creds",
    "cert",
    "certs",
    "certificate",
    "dsn",
    "jwt",
    "otp",
    "totp",
    "salt",
    "pepper",
    "hmac",
    "license",
    "licence",
    "cookie",
    "sas",
];

/// Secret as the last word.
const LAST: [&str; 3] = ["private", "connection", "webhook"];

/// Last words of keys whose values name, place or measure something.
const REFERENCES: [&str; 69] = [
    "name",
    "names",
    "ref",
    "refs",
    "reference",
    "path",
    "paths",
    "file",
    "files",
    "filename",
    "dir",
    "directory",
    "mount",
    "type",
    "kind",
    "mode",
    "policy",
    "enabled",
    "enable",
    "disabled",
    "create",
    "optional",
    "required",
    "version",
    "length",
    "len",
    "size",
    "count",
    "seconds",
    "minutes",
    "hours",
    "days",
    "ttl",
    "timeout",
    "expiration",
    "expiry",
    "duration",
    "period",
    "interval",
    "limit",
    "algorithm",
    "alg",
    "issuer",
    "audience",
    "audiences",
    "provider",
    "method",
    "class",
    "namespace",
    "host",
    "hosts",
    "hostname",
    "port",
    "ports",
    "selector",
    "annotations",
    "labels",
    "metadata",
    "status",
    "items",
    "format",
    "prefix",
    "suffix",
    "template",
    "engine",
    "backend",
    "url",
    "uri",
    "endpoint",
];

/// Wherever they stand, the value is another object's name.
const NAMING: [&str; 6] = ["existing", "secretname", "secretref", "keyref", "pullsecret", "secretkeyselector"];

/// Takes a key; gives what it says of its value.
pub(super) fn class(key: &str) -> Class {
    let words = words(key);
    let squeezed: String = words.concat();
    let has = |parts: &[&str]| parts.iter().any(|part| squeezed.contains(part));
    let last = words.last().map_or("", String::as_str);
    if has(&NAMING) || squeezed.contains("tokeniz") {
        return Class::Reference;
    }
    if squeezed.contains("webhook") && matches!(last, "url" | "uri" | "webhook") {
        return Class::Secret { inherited: false };
    }
    if REFERENCES.contains(&last) {
        return Class::Reference;
    }
    if has(&STRONG) {
        return Class::Secret { inherited: true };
    }
    let worded = words.iter().any(|word| WORDS.contains(&word.as_str()));
    if worded || LAST.contains(&last) || ["pass", "pwd"].iter().any(|end| last.ends_with(end)) {
        return Class::Secret { inherited: false };
    }
    if matches!(last, "key" | "keys") { Class::Key } else { Class::Plain }
}

/// The words of a key, in lower case: `dbPassword`, `DB_PASSWORD` and `db-password` have the same.
fn words(key: &str) -> Vec<String> {
    let chars: Vec<char> = key.chars().collect();
    let mut words = vec![String::new()];
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| chars.get(at)).copied().unwrap_or(' ');
        let after = chars.get(at + 1).copied().unwrap_or(' ');
        let starts = c.is_uppercase() && (!before.is_uppercase() || after.is_lowercase());
        if starts || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a value looks made by chance, as keys are: none of the names, paths and labels that stand behind `key`, too.
pub(super) fn is_random(text: &str) -> bool {
    let has = |of: fn(&u8) -> bool| text.as_bytes().iter().any(of);
    let hex = text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let dense = text.len() >= 16 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b));
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    has(u8::is_ascii_digit) && (hex || (dense && mixed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_secrets_are_known() {
        for key in [
            "password",
            "DB_PASSWORD",
            "adminPassword",
            "PGPASSWORD",
            "dbpass",
            "MYSQL_PWD",
            "rootPasswd",
            "secretKey",
            "AWS_SECRET_ACCESS_KEY",
            "apiKey",
            "API_KEY",
            "x-api-key",
            "accessKey",
            "authToken",
            "jwtSecret",
            "credentials",
            "token",
            "tokens",
            "connectionString",
            "slackWebhookUrl",
            "SLACK_WEBHOOK_URL",
            "dsn",
            "SENTRY_DSN",
            "tls.cert",
            "licenseKey",
            "REDISCLI_AUTH",
            ".dockerconfigjson",
            "private",
            "checksum/secret",
            "secrets",
            "password.txt",
            "clientSecret",
            "secretId",
            "APIToken",
        ] {
            assert!(matches!(class(key), Class::Secret { .. }), "{key}");
        }
    }

    #[test]
    fn names_and_measures_are_none() {
        for key in [
            "secretName",
            "secretKeyRef",
            "existingSecret",
            "existingSecretPasswordKey",
            "imagePullSecrets",
            "tokenPath",
            "expirationSeconds",
            "passwordLength",
            "AUTH_ENABLED",
            "DB_PASSWORD_FILE",
            "authMethod",
            "tokenUrl",
            "secretRef",
            "nodePublishSecretRef",
            "certIssuer",
            "tokenExpirationSeconds",
            "passwordSecretName",
            "cert-manager.io/issuer",
        ] {
            assert_eq!(class(key), Class::Reference, "{key}");
        }
        for key in ["image", "replicas", "monkeys", "author", "passive", "keyboard", "spinner", "compass_x", "webhooks"]
        {
            assert_eq!(class(key), Class::Plain, "{key}");
        }
        for key in ["key", "tls.key", "keys", "topologyKey"] {
            assert_eq!(class(key), Class::Key, "{key}");
        }
    }

    #[test]
    fn what_chance_made_is_told_from_names() {
        for text in ["kR8x0PqLm3ZtV5Bn", "0123456789abcdef0123456789abcdef", "AbCdEfGh1234567890+/=="] {
            assert!(is_random(text), "{text}");
        }
        for text in
            ["node-role.kubernetes.io/control-plane", "db-password", "kubernetes.io/hostname", "tls.key", "aB1", ""]
        {
            assert!(!is_random(text), "{text}");
        }
    }
}
