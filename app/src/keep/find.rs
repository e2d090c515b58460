//! Which backup a restore goes by: a file, or one of the copies that fixes left in the cluster.

use std::path::Path;

use refloat_core::report::one_line;
use refloat_core::rescue::{Backup, RESTORE};

use crate::backup_file;
use crate::cluster::BackupEntry;
use crate::error::Failure;
use crate::exit::Exit;
use crate::private_file;
use crate::source::Source;

/// What stands for the newest of the copies.
pub const NEWEST: &str = "newest";

/// A backup, and how it is called.
pub struct Found {
    /// The backup.
    pub backup: Backup,
    /// Where it comes from, for people.
    pub words: String,
}

/// Reads the file, or the copy that a fix of the release left in the cluster: the one with this id, the newest, or the only one.
pub async fn find(source: &Source, release: &str, file: Option<&Path>, fix: Option<&str>) -> Result<Found, Failure> {
    if let Some(file) = file {
        let words = format!("{}, ", private_file::shown(file));
        return Ok(named(backup_file::read(file)?, &words));
    }
    let namespace = &source.namespace;
    let entries: Vec<BackupEntry> =
        source.backups.list(Some(namespace)).await?.into_iter().filter(|entry| entry.release == release).collect();
    let id = chosen(&entries, fix, release, namespace)?;
    let backup = source.backups.load(namespace, &id).await?.ok_or_else(|| {
        Failure::new(Exit::Changed, format!("the copy that fix {id} left went away while being read"))
    })?;
    Ok(named(backup, ""))
}

fn named(backup: Backup, place: &str) -> Found {
    let kind = match backup.action.as_str() {
        refloat_core::rescue::BACKUP => "a backup".to_owned(),
        RESTORE => format!("the backup of restore {}", backup.id),
        way => format!("the backup of fix {} ({})", backup.id, one_line(way)),
    };
    let at = backup.taken_at.strftime("%Y-%m-%dT%H:%M:%SZ");
    Found { words: format!("{place}{kind} of {at}"), backup }
}

/// The id of the copy that is meant.
fn chosen(entries: &[BackupEntry], fix: Option<&str>, release: &str, namespace: &str) -> Result<String, Failure> {
    let there =
        || entries.iter().fold(Failure::usage(""), |failure, entry| failure.hint(line(entry, release, namespace)));
    if let Some(id) = fix.filter(|fix| *fix != NEWEST) {
        if entries.iter().any(|entry| entry.id == id) {
            return Ok(id.to_owned());
        }
        let message = format!("no copy of a backup of {namespace}/{release} is of fix {id}");
        return Err(Failure { message, ..there() });
    }
    // What a restore overwrote is seldom what is wanted back: it is taken by its id.
    let fixes: Vec<&BackupEntry> = entries.iter().filter(|entry| entry.way != RESTORE).collect();
    match (fixes.first(), fixes.len(), fix) {
        (Some(newest), 1, _) | (Some(newest), _, Some(_)) => Ok(newest.id.clone()),
        (Some(_), count, None) => {
            let message = format!("{count} fixes of {namespace}/{release} left a backup in the cluster; say which one");
            Err(Failure { message, ..there() })
        }
        (None, ..) => {
            let message = format!("no fix of {namespace}/{release} left a backup in the cluster, and no file is named");
            Err(Failure { message, ..there() }
                .hint(format!("refloat restore {release} FILE -n {namespace} takes one that refloat backup saved")))
        }
    }
}

fn line(entry: &BackupEntry, release: &str, namespace: &str) -> String {
    let at = entry.taken_at.strftime("%Y-%m-%dT%H:%M:%SZ");
    let revision = entry.revision.map(|revision| format!(", revision {revision}")).unwrap_or_default();
    let way = one_line(&entry.way);
    format!("refloat restore {release} --from-fix {} -n {namespace}   of {at}, before {way}{revision}", entry.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(ways: &str) -> Vec<BackupEntry> {
        let entry = |(id, way): (&str, &str)| BackupEntry {
            id: id.to_owned(),
            namespace: "shop".to_owned(),
            release: "web".to_owned(),
            taken_at: jiff::Timestamp::UNIX_EPOCH,
            way: way.to_owned(),
            revision: Some(2),
            by: "ada".to_owned(),
            undone_at: None,
        };
        ways.split_whitespace().filter_map(|one| one.split_once('=')).map(entry).collect()
    }

    #[test]
    fn one_copy_is_meant_or_named() {
        let (one, many) = ("a=unlock", "c=restore b=unlock a=resume");
        let none = "no fix of shop/web left a backup in the cluster, and no file is named";
        let table = [
            (one, None, Ok("a")),
            (many, Some("a"), Ok("a")),
            (many, Some("c"), Ok("c")),
            (many, Some(NEWEST), Ok("b")),
            (many, None, Err(("2 fixes of shop/web left a backup in the cluster; say which one", 3))),
            (many, Some("d"), Err(("no copy of a backup of shop/web is of fix d", 3))),
            ("", None, Err((none, 1))),
            ("c=restore", Some(NEWEST), Err((none, 2))),
        ];
        for (there, fix, expected) in table {
            let found = chosen(&entries(there), fix, "web", "shop");
            let found = found.as_deref().map_err(|failure| (failure.message.as_str(), failure.hints.len()));
            assert_eq!(found, expected, "{there:?} {fix:?}");
        }
    }
}
