//! Files that people pasted, in place of a cluster: reading them, and answering from them. It has no way to write.

use std::fs::{self, DirEntry};
use std::io::{self, Read as _};
use std::path::Path;
use std::time::SystemTime;

use async_trait::async_trait;
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use refloat_core::inventory::{Inventory, ReleaseId};
use refloat_core::observe::{Answer, Kind, Observation, Read};
use refloat_core::paste::{Clock, File, MAX_TEXT, Named, Paste};

use crate::cluster::{ClusterError, MemoryCluster, ReadObjects};
use crate::error::Failure;
use crate::observe::observe_known;

/// How many files a folder may hold.
const MAX_FILES: usize = 1000;
/// How many bytes of text all files together may have.
const MAX_TOTAL: usize = 4 * MAX_TEXT;
/// What a gzip file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What was pasted, ready to be diagnosed.
pub struct Pasted {
    /// Everything that was understood.
    pub paste: Paste,
    /// The release that is meant.
    pub release: ReleaseId,
    /// What to tell about how it was read.
    pub notes: Vec<String>,
}

/// One file, read.
struct Text {
    name: String,
    text: String,
    modified: Option<Timestamp>,
}

impl Pasted {
    /// Takes a folder, a file, or `-` for standard input, and what the user says of the release; gives what is in it.
    pub fn open(from: &Path, release: Option<&str>, namespace: Option<&str>) -> Result<Self, Failure> {
        let mut notes = Vec::new();
        let texts = if from == Path::new("-") { vec![stdin()?] } else { files(from, &mut notes)? };
        let files: Vec<File<'_>> =
            texts.iter().map(|it| File { name: &it.name, text: &it.text, modified: it.modified }).collect();
        let paste = Paste::read(&files, Named { release, namespace });
        notes.extend(paste.unread.iter().map(ToString::to_string));
        let release = chosen(&paste, from, release, namespace)?;
        notes.extend(paste.clock.as_ref().map(ToString::to_string));
        Ok(Self { paste, release, notes })
    }

    /// Observes the release, as a cluster's would be.
    pub async fn observe(&self) -> Result<Observation, Failure> {
        // Where nothing tells the time, the earliest one makes nothing seem old.
        let at = self.paste.clock.as_ref().map_or(Timestamp::UNIX_EPOCH, Clock::at);
        let records = MemoryCluster::new(self.paste.driver, self.paste.records.clone(), at);
        let inventory: Inventory = self.paste.records.iter().map(|record| record.meta.clone()).collect();
        let history = inventory.releases.get(&self.release).cloned().unwrap_or_default();
        observe_known(&records, &PastedObjects(&self.paste), self.release.clone(), history).await
    }
}

/// The release that is meant: the one named, or the only one. A namespace that holds none of them is the shell's, not theirs.
fn chosen(paste: &Paste, from: &Path, name: Option<&str>, namespace: Option<&str>) -> Result<ReleaseId, Failure> {
    let all = paste.releases();
    let mut meant: Vec<&ReleaseId> = all.iter().filter(|id| name.is_none_or(|name| id.name == name)).collect();
    if meant.iter().any(|id| namespace == Some(&id.namespace)) {
        meant.retain(|id| namespace == Some(&id.namespace));
    }
    let listed = |ids: &[&ReleaseId]| ids.iter().take(10).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let unread = |failure: Failure| paste.unread.iter().take(10).fold(failure, Failure::hint);
    match meant.as_slice() {
        [one] => Ok((*one).clone()),
        [] if all.is_empty() => {
            let failure = Failure::usage(format!("nothing in {} tells of a release", from.display()));
            Err(unread(failure).hint("kubectl get secrets -n NAMESPACE -l owner=helm -o json > records.json is the best start; helm history RELEASE -n NAMESPACE -o json > history.RELEASE.json helps, too"))
        }
        [] => {
            let all: Vec<&ReleaseId> = all.iter().collect();
            let failure = Failure::usage(format!("the files tell nothing of release \"{}\"", name.unwrap_or_default()));
            Err(unread(failure).hint(format!("they tell of {}", listed(&all))))
        }
        several => Err(Failure::usage("the files tell of several releases: name one")
            .hint(format!("there are {}; -n names the namespace", listed(several)))),
    }
}

fn stdin() -> Result<Text, Failure> {
    let unreadable = |error: &dyn std::fmt::Display| Failure::usage("standard input can't be read").because(error);
    let mut bytes = Vec::new();
    io::stdin().lock().take(MAX_TEXT as u64 + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    let text = decoded(bytes).map_err(|why| unreadable(&why))?;
    Ok(Text { name: "stdin".to_owned(), text, modified: Some(Timestamp::now()) })
}

/// The files of a folder in the order of their names, or the one file.
fn files(from: &Path, notes: &mut Vec<String>) -> Result<Vec<Text>, Failure> {
    let unreadable =
        |error: &dyn std::fmt::Display| Failure::usage(format!("{} can't be read", from.display())).because(error);
    let about = fs::metadata(from).map_err(|error| unreadable(&error))?;
    if about.is_dir() {
        let entries = fs::read_dir(from).and_then(Iterator::collect::<io::Result<Vec<DirEntry>>>);
        return folder(from, entries.map_err(|error| unreadable(&error))?, notes);
    }
    if !about.is_file() {
        return Err(Failure::usage(format!("{} is neither a folder nor a plain file", from.display())));
    }
    let name = from.file_name().map_or_else(|| from.display().to_string(), |name| name.to_string_lossy().into_owned());
    let (text, modified) = text_of(from, about.modified()).map_err(|why| unreadable(&why))?;
    Ok(vec![Text { name, text, modified }])
}

/// Reads a folder's files; what is no plain text is left out, and said so. Hidden files are nobody's paste.
fn folder(from: &Path, mut entries: Vec<DirEntry>, notes: &mut Vec<String>) -> Result<Vec<Text>, Failure> {
    entries.sort_by_key(DirEntry::file_name);
    entries.retain(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let too_much = |what: &str| {
        let failure = Failure::usage(format!("{} holds more than {what}", from.display()));
        failure.hint("give a folder that holds what helm and kubectl printed, and nothing else")
    };
    if entries.len() > MAX_FILES {
        return Err(too_much(&format!("{MAX_FILES} files")));
    }
    let (mut found, mut total) = (Vec::new(), 0);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let read = match entry.metadata() {
            Ok(about) if about.is_file() => text_of(&entry.path(), about.modified()),
            Ok(_) => Err("it is no plain file".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok((text, modified)) => {
                total += text.len();
                found.push(Text { name, text, modified });
            }
            Err(why) => notes.push(format!("{name} isn't read: {why}")),
        }
        if total > MAX_TOTAL {
            return Err(too_much(&format!("{} MiB", MAX_TOTAL >> 20)));
        }
    }
    Ok(found)
}

fn text_of(path: &Path, modified: io::Result<SystemTime>) -> Result<(String, Option<Timestamp>), String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_TEXT as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    // A system without such times tells nothing.
    Ok((decoded(bytes)?, modified.ok().and_then(|at| Timestamp::try_from(at).ok())))
}

/// Takes a file's bytes, gzipped or not; gives its text. Windows' shells write UTF-16 with a mark in front.
fn decoded(bytes: Vec<u8>) -> Result<String, String> {
    let mut bytes = bytes;
    if bytes.starts_with(&GZIP) {
        let mut text = Vec::new();
        let inflated = MultiGzDecoder::new(bytes.as_slice()).take(MAX_TEXT as u64 + 1).read_to_end(&mut text);
        inflated.map_err(|_| "its gzip data are corrupt".to_owned())?;
        bytes = text;
    }
    if bytes.len() > MAX_TEXT {
        return Err(format!("it holds more than {} MiB", MAX_TEXT >> 20));
    }
    let wide = |little: bool| {
        let units = bytes.chunks_exact(2).skip(1).map(|pair| match pair {
            [a, b] if little => u16::from_le_bytes([*a, *b]),
            [a, b] => u16::from_be_bytes([*a, *b]),
            _ => 0,
        });
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
    };
    let text = match bytes.get(..2) {
        Some([0xff, 0xfe]) => wide(true),
        Some([0xfe, 0xff]) => wide(false),
        _ => String::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?,
    };
    if text.contains('\0') { Err("it is no text: is it an archive, then unpack it".to_owned()) } else { Ok(text) }
}

/// Answers questions about objects from what was pasted.
struct PastedObjects<'a>(&'a Paste);

#[async_trait]
impl ReadObjects for PastedObjects<'_> {
    fn assumed(&self, seen: &Observation) -> Vec<Kind> {
        self.0.kinds(seen)
    }

    async fn answer(&self, read: &Read) -> Result<Answer, ClusterError> {
        Ok(self.0.answer(read))
    }
}
