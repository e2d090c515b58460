//! Names under which Helm stores a revision: `sh.helm.release.v1.<release>.v<revision>`.

/// What every key begins with (Helm 3.22 and 4.3 `pkg/storage/storage.go:makeKey`).
pub const KEY_PREFIX: &str = "sh.helm.release.v1.";

/// The Secret type and SQL `type` of a record. Note the order of words, which differs from the key's.
pub const RECORD_TYPE: &str = "helm.sh/release.v1";

/// Takes a release and a revision; gives the key Helm stores it under.
pub fn key_of(release: &str, revision: u64) -> String {
    format!("{KEY_PREFIX}{release}.v{revision}")
}

/// Takes a key; gives release and revision, or `None` if it isn't one of Helm's.
///
/// Release names may contain dots, even `.v1`, so the last `.v` decides.
pub fn parse_key(key: &str) -> Option<(&str, u64)> {
    let (release, revision) = key.strip_prefix(KEY_PREFIX)?.rsplit_once(".v")?;
    if release.is_empty() || !revision.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((release, revision.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_split_at_the_last_v() {
        for (release, revision) in [("web", 1), ("a.v1.b", 2), ("web.v3", 10), ("x", u64::MAX)] {
            assert_eq!(parse_key(&key_of(release, revision)), Some((release, revision)));
        }
    }

    #[test]
    fn other_names_are_not_keys() {
        for name in [
            "web",
            "sh.helm.release.v1.web",
            "sh.helm.release.v1.web.v",
            "sh.helm.release.v1..v1",
            "sh.helm.release.v1.web.vx",
            "sh.helm.release.v1.web.v-1",
            "sh.helm.release.v1.web.v99999999999999999999",
        ] {
            assert_eq!(parse_key(name), None, "{name}");
        }
    }
}
