//! Gzip that arrives in pieces.
//!
//! Takes compressed bytes as they come and hands inflated bytes on at once, a few KiB at a time, until whoever takes them
//! has enough. Holds one inflate window and nothing else; checks what it passes (checksum and length of each member it gets
//! to the end of) as [`super::decode`] does, which sees the whole payload.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::Damage;
use super::payload::GZIP_MAGIC;

/// The most a member's header may take. Helm's take 10 bytes; names and comments, which Go limits to 512, may follow.
const HEADER_LIMIT: usize = 4096;
const TRAILER: usize = 8;

#[derive(Debug, Clone, Copy)]
enum Stage {
    Header,
    Body,
    Trailer,
}

/// Inflates members one after another.
pub(super) struct Inflater {
    stage: Stage,
    /// Header or trailer bytes, until they are complete.
    held: Vec<u8>,
    inflate: Decompress,
    checksum: Crc,
    /// Whether a member has been read to its end.
    ended: bool,
}

impl Inflater {
    pub(super) fn new() -> Self {
        let (held, inflate, checksum) = (Vec::new(), Decompress::new(false), Crc::new());
        Self { stage: Stage::Header, held, inflate, checksum, ended: false }
    }

    /// Takes the next piece; gives what it inflates to, part by part, to `take`, until that answers that it has enough.
    /// Gives the same answer back.
    pub(super) fn push(
        &mut self,
        mut gzip: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<bool, Damage>,
    ) -> Result<bool, Damage> {
        let mut buffer = [0; 8192];
        loop {
            match self.stage {
                Stage::Header => match self.header(gzip)? {
                    Some(rest) => gzip = rest,
                    None => return Ok(false),
                },
                Stage::Body => {
                    let (read, made) = self.body(gzip, &mut buffer)?;
                    gzip = gzip.get(read..).unwrap_or_default();
                    let part = buffer.get(..made).unwrap_or_default();
                    self.checksum.update(part);
                    if !part.is_empty() && take(part)? {
                        return Ok(true);
                    }
                    if read == 0 && made == 0 && matches!(self.stage, Stage::Body) {
                        return if gzip.is_empty() { Ok(false) } else { Err(Damage::CorruptGzip) };
                    }
                }
                Stage::Trailer => match self.trailer(gzip)? {
                    Some(rest) => gzip = rest,
                    None => return Ok(false),
                },
            }
        }
    }

    /// Ends the input, which must be between two members.
    pub(super) fn finish(&self) -> Result<(), Damage> {
        let between = matches!(self.stage, Stage::Header) && self.held.is_empty();
        if between && self.ended { Ok(()) } else { Err(Damage::Truncated) }
    }

    /// Reads header bytes; gives what follows the header, or `None` if there's more of it to come.
    fn header<'a>(&mut self, gzip: &'a [u8]) -> Result<Option<&'a [u8]>, Damage> {
        if gzip.is_empty() {
            return Ok(None);
        }
        let before = self.held.len();
        let (some, _) = gzip.split_at_checked(HEADER_LIMIT - before).unwrap_or((gzip, &[]));
        self.held.extend_from_slice(some);
        let Some(length) = header_length(&self.held)? else {
            return if self.held.len() < HEADER_LIMIT { Ok(None) } else { Err(Damage::CorruptGzip) };
        };
        self.held.clear();
        self.inflate.reset(false);
        self.checksum.reset();
        self.stage = Stage::Body;
        Ok(gzip.get(length.saturating_sub(before)..))
    }

    /// Inflates into the buffer; gives how much was read and made.
    fn body(&mut self, gzip: &[u8], buffer: &mut [u8]) -> Result<(usize, usize), Damage> {
        let (read, made) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(gzip, buffer, FlushDecompress::None).map_err(|_| Damage::CorruptGzip)?;
        if status == Status::StreamEnd {
            self.stage = Stage::Trailer;
        }
        let count = |now: u64, then: u64| usize::try_from(now - then).unwrap_or(usize::MAX);
        Ok((count(self.inflate.total_in(), read), count(self.inflate.total_out(), made)))
    }

    /// Reads trailer bytes and checks them; gives what follows, or `None` if there's more of it to come.
    fn trailer<'a>(&mut self, gzip: &'a [u8]) -> Result<Option<&'a [u8]>, Damage> {
        let (some, rest) = gzip.split_at_checked(TRAILER - self.held.len()).unwrap_or((gzip, &[]));
        self.held.extend_from_slice(some);
        if self.held.len() < TRAILER {
            return Ok(None);
        }
        let expected = [self.checksum.sum().to_le_bytes(), self.checksum.amount().to_le_bytes()].concat();
        if self.held != expected {
            return Err(Damage::CorruptGzip);
        }
        self.held.clear();
        self.ended = true;
        self.stage = Stage::Header;
        Ok(Some(rest))
    }
}

/// Takes what there is of a member's header; gives its length if it is complete (RFC 1952, 2.3).
fn header_length(held: &[u8]) -> Result<Option<usize>, Damage> {
    const CHECKSUM: u8 = 1 << 1;
    const EXTRA: u8 = 1 << 2;
    const NAME: u8 = 1 << 3;
    const COMMENT: u8 = 1 << 4;

    if !held.iter().zip(GZIP_MAGIC).all(|(byte, magic)| byte == magic) {
        return Err(Damage::CorruptGzip);
    }
    let (Some(flags), Some(mut rest)) = (held.get(3).copied(), held.get(10..)) else { return Ok(None) };
    if flags & EXTRA != 0 {
        let Some(([low, high], after)) = rest.split_first_chunk::<2>() else { return Ok(None) };
        let Some(after) = after.get(usize::from(u16::from_le_bytes([*low, *high]))..) else { return Ok(None) };
        rest = after;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0);
            let Some(after) = end.and_then(|end| rest.get(end + 1..)) else { return Ok(None) };
            rest = after;
        }
    }
    if flags & CHECKSUM != 0 {
        let Some(after) = rest.get(2..) else { return Ok(None) };
        rest = after;
    }
    Ok(Some(held.len() - rest.len()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, GzBuilder};

    use super::*;

    fn gzip(builder: GzBuilder, text: &[u8]) -> Vec<u8> {
        let mut gzip = builder.write(Vec::new(), Compression::best());
        gzip.write_all(text).unwrap();
        gzip.finish().unwrap()
    }

    fn inflate(gzip: &[u8], piece: usize) -> Result<Vec<u8>, Damage> {
        let (mut text, mut inflater) = (Vec::new(), Inflater::new());
        for piece in gzip.chunks(piece) {
            inflater.push(piece, |part| {
                text.extend_from_slice(part);
                Ok(false)
            })?;
        }
        inflater.finish().map(|()| text)
    }

    #[test]
    fn any_header_and_any_split_will_do() {
        let long: Vec<u8> = (0..40_000_u32).flat_map(u32::to_le_bytes).collect();
        let full = GzBuilder::new().extra([7; 300]).filename("a").comment("b");
        let both = [gzip(full, &long), gzip(GzBuilder::new(), b"."), gzip(GzBuilder::new(), b"")].concat();
        for piece in [1, 2, 7, 100, 5000, both.len()] {
            assert!(inflate(&both, piece).unwrap().strip_prefix(long.as_slice()) == Some(b".".as_slice()));
        }
    }

    #[test]
    fn faults_are_named() {
        let good = gzip(GzBuilder::new(), b"hello");
        for length in 0..good.len() {
            assert_eq!(inflate(&good[..length], 3), Err(Damage::Truncated), "{length}");
        }
        let mut table = vec![[good.clone(), b"x".to_vec()].concat(), vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0]];
        table[1].resize(5000, b'n'); // a name that never ends
        for at in [10, good.len() - 8, good.len() - 1] {
            let mut broken = good.clone();
            broken[at] ^= 0xff;
            table.push(broken);
        }
        for broken in table {
            for piece in [1, 100, 10_000] {
                assert_eq!(inflate(&broken, piece), Err(Damage::CorruptGzip));
            }
        }
    }

    #[test]
    fn enough_is_enough() {
        let zeros = gzip(GzBuilder::new(), &vec![0; 1 << 20]);
        let mut parts = 0;
        let enough = Inflater::new().push(&zeros, |_| {
            parts += 1;
            Ok(true)
        });
        assert_eq!((enough, parts), (Ok(true), 1));
    }
}
