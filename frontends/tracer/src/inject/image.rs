//! The runtime's image, relocated for where it goes.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};

pub use super::layout::ImageError;
use super::layout::{Access, LaidOut, Part, relocate};
use crate::sys::{self, Pid};

/// Bytes of a page.
pub(super) const PAGE: u64 = 4096;

/// The built-in runtime, laid out and relocated by the build script for where it usually goes.
mod built_in {
    use super::{Access, Part};

    include!(concat!(env!("OUT_DIR"), "/runtime.rs"));

    /// Whole pages of the program's file, so that they can be mapped from there.
    #[repr(align(4096))]
    pub(super) struct Pages<T: ?Sized>(pub(super) T);

    pub(super) static BYTES: &Pages<[u8]> = &Pages(*include_bytes!(concat!(env!("OUT_DIR"), "/runtime.img")));
}

/// A runtime image.
pub(crate) struct Image {
    bytes: Cow<'static, [u8]>,
    /// The address that `bytes` are relocated for.
    base: u64,
    span: u64,
    entry: u64,
    relocations: Cow<'static, [u32]>,
    parts: Cow<'static, [Part]>,
    /// What has its bytes for [`built_in::BASE`].
    file: Option<ImageFile>,
}

/// A file of the host's that has the image's bytes for where it usually goes.
pub(super) struct ImageFile {
    /// The file's name in any process that sees this one.
    pub(super) path: String,
    /// Where the image starts in it.
    pub(super) offset: u64,
    /// Device and inode.
    identity: [u64; 2],
    /// What keeps the name alive, when it is not the host's program.
    _held: Option<File>,
}

impl ImageFile {
    /// Finds `bytes`, which are this program's own, in its file.
    fn of(bytes: &'static [u8]) -> Option<Self> {
        let path = format!("/proc/{}/exe", std::process::id());
        let offset = sys::offset_in_program(bytes.as_ptr().addr() as u64)?;
        let file = File::open(&path).ok()?;
        let mut first = [0; PAGE as usize];
        file.read_exact_at(&mut first, offset).ok()?;
        let whole = (offset | bytes.len() as u64).is_multiple_of(PAGE) && bytes.starts_with(&first);
        let identity = identity(&file.metadata().ok()?);
        whole.then_some(Self { path, offset, identity, _held: None })
    }

    /// A new file with `bytes`.
    fn with(bytes: &[u8]) -> io::Result<Self> {
        let file = sys::create_memfd(c"runtime")?;
        file.write_all_at(bytes, 0)?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        Ok(Self { path, offset: 0, identity: identity(&file.metadata()?), _held: Some(file) })
    }

    /// Whether process `pid` finds this file by its path: it may have another root or other mounts.
    pub(super) fn is_seen_by(&self, pid: Pid) -> bool {
        let there = fs::metadata(format!("/proc/{pid}/root{}", self.path));
        there.is_ok_and(|there| identity(&there) == self.identity)
    }
}

fn identity(file: &fs::Metadata) -> [u64; 2] {
    [file.dev(), file.ino()]
}

impl Image {
    /// The built-in one.
    pub(crate) fn built_in() -> Self {
        Self {
            bytes: (&built_in::BYTES.0).into(),
            base: built_in::BASE,
            span: built_in::SPAN,
            entry: built_in::ENTRY,
            relocations: built_in::RELOCATIONS.into(),
            parts: built_in::PARTS.into(),
            file: ImageFile::of(&built_in::BYTES.0),
        }
    }

    /// Lays `file` out.
    ///
    /// # Errors
    /// See [`ImageError`].
    pub(crate) fn parse(file: &[u8]) -> Result<Self, ImageError> {
        let LaidOut { bytes, span, entry, relocations, parts } = LaidOut::parse(file)?;
        let (bytes, relocations, parts) = (bytes.into(), relocations.into(), parts.into());
        Ok(Self { bytes, base: 0, span, entry, relocations, parts, file: None })
    }

    /// Puts it into a file, so that processes map it as they do the built-in one.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn share(&mut self) -> io::Result<()> {
        self.file = Some(ImageFile::with(self.relocated(built_in::BASE))?);
        Ok(())
    }

    /// Bytes it takes in memory, whole pages.
    pub(crate) fn span(&self) -> u64 {
        self.span
    }

    /// Its entry point, from its start.
    pub(crate) fn entry(&self) -> u64 {
        self.entry
    }

    /// What differs from read and write.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Bytes of it that are not all zero, whole pages.
    pub(super) fn file_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The file that has its bytes for `base`, if one has.
    pub(super) fn file(&self, base: u64) -> Option<&ImageFile> {
        self.file.as_ref().filter(|_| base == built_in::BASE)
    }

    /// Its bytes for `base`; everything behind them, to [`Image::span`], is zero. The same base as last time
    /// costs nothing.
    pub(crate) fn relocated(&mut self, base: u64) -> &[u8] {
        if self.base != base {
            relocate(self.bytes.to_mut(), &self.relocations, base.wrapping_sub(self.base));
            self.base = base;
        }
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inject::home::{BOOT_BYTES, PREFERRED};

    #[test]
    fn the_built_in_image_needs_no_work_where_it_usually_goes() {
        let mut image = Image::built_in();
        assert_eq!(image.base, PREFERRED + BOOT_BYTES);
        image.relocated(PREFERRED + BOOT_BYTES);
        assert!(matches!(image.bytes, Cow::Borrowed(_)));
    }

    #[test]
    fn moving_there_and_back_changes_nothing() {
        let mut image = Image::built_in();
        let (base, before) = (image.base, image.bytes.clone());
        let moved = image.relocated(base + 0x1234_5000).to_vec();
        assert_eq!(moved != *before, !image.relocations.is_empty());
        assert_eq!(image.relocated(base), &*before);
    }

    #[test]
    fn no_page_of_the_built_in_image_is_writable_and_executable() {
        let image = Image::built_in();
        let code: Vec<&Part> = image.parts.iter().filter(|part| part.access == Access::ReadExecute).collect();
        assert!(code.iter().any(|part| (part.start..part.start + part.len).contains(&image.entry)));
        assert!(
            image.parts.iter().all(|part| (part.start | part.len).is_multiple_of(4096)),
            "{:?}",
            image.parts
        );
        assert!(image.span >= image.bytes.len() as u64 && image.span.is_multiple_of(4096));
    }

    /// The file that the build script laid out.
    static FILE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/runtime.elf"));

    #[test]
    fn laying_out_at_run_time_gives_the_same_as_the_build_script() {
        let (mut here, built_in) = (Image::parse(FILE).unwrap(), Image::built_in());
        assert_eq!(here.relocated(built_in.base), &*built_in.bytes);
        assert_eq!((here.span, here.entry), (built_in.span, built_in.entry));
        assert_eq!((here.parts, here.relocations), (built_in.parts, built_in.relocations));
    }

    #[test]
    fn damaged_files_make_errors_and_no_panics() {
        let mut refused = 0;
        // The ELF header, the program headers behind it, and some of what follows.
        for at in (0..0x400).chain((0x400..FILE.len().min(0x8000)).step_by(64)) {
            for damage in [0x80, 0x7f, 0x01] {
                let mut file = FILE.to_vec();
                file[at] ^= damage;
                refused += usize::from(Image::parse(&file).is_err());
            }
        }
        assert!(refused > 50, "{refused}");
        for len in (0..FILE.len()).step_by(FILE.len() / 97) {
            drop(Image::parse(&FILE[..len]));
        }
    }

    #[test]
    fn bytes_that_are_no_image_are_refused() {
        assert!(matches!(Image::parse(b"text"), Err(ImageError::Elf(_))));
        let mut file = vec![0; 64];
        file[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
        (file[6], file[16], file[18]) = (1, 2, 62);
        assert!(matches!(Image::parse(&file), Err(ImageError::Kind { kind: 2, machine: 62 })));
    }
}
