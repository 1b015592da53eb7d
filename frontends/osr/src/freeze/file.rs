//! Images in files.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use midstride_statemap::{
    Image, ImageError, ImageHead, LinearMemory, MemoryPages, Sink, State, WriteError, write_image,
};
use tempfile::{Builder, NamedTempFile};

use super::error::{FreezeError, ImageFileError};
use crate::instance::Instance;
use crate::runtime::pages::View;

/// What is looked at before a thaw.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PageCheck {
    /// All checksums, those of memories too: everything is read once.
    #[default]
    All,
    /// Head and sections only: memory is read when the program comes to it, and who wrote the file is
    /// trusted with it.
    Head,
}

/// What the names of unfinished files end with.
pub(crate) const UNFINISHED: &str = ".part";

/// A file that is written out of order.
struct FileSink<'a>(&'a File);

impl Sink for FileSink<'_> {
    type Error = io::Error;

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }
}

/// Where an image can be put, and the directory of that.
pub(crate) struct Target {
    path: PathBuf,
    directory: PathBuf,
    open: File,
}

impl Target {
    /// A name that is free or a file's; behind links, if it is one. An image is put there by renaming, which
    /// would put it in the place of a device or a pipe too.
    pub(crate) fn new(path: &Path) -> Result<Self, FreezeError> {
        let path = match fs::symlink_metadata(path) {
            Ok(found) if found.is_symlink() => fs::canonicalize(path)?,
            _ => path.to_owned(),
        };
        if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(FreezeError::NotAFile);
        }
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        // Before any file: this error has the system's number, for whoever hears of it from a child.
        let open = File::open(&directory)?;
        Ok(Self { path, directory, open })
    }
}

/// Writes an instance's image beside `path`, brings it to the disk, and puts it in its place.
pub(crate) fn save(instance: &Instance, state: &State, path: &Path) -> Result<u64, FreezeError> {
    let target = Target::new(path)?;
    let file = Builder::new().prefix(".image-").suffix(UNFINISHED).tempfile_in(&target.directory)?;
    let bytes = write(instance, state, file.as_file())?;
    finish(file, &target)?;
    Ok(bytes)
}

fn finish(file: NamedTempFile, target: &Target) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(&target.path).map_err(|error| error.error)?;
    target.open.sync_all()
}

fn write(instance: &Instance, state: &State, file: &File) -> Result<u64, FreezeError> {
    // SAFETY: the instance does not run while this borrows its memories.
    let bytes = instance.memories().iter().map(|memory| unsafe { memory.bytes() });
    // Memories are whole pages.
    let memories: Vec<LinearMemory<'_>> = bytes.filter_map(LinearMemory::new).collect();
    let pages: Vec<&dyn MemoryPages> = memories.iter().map(|memory| memory as &dyn MemoryPages).collect();
    write_image(instance.module().hash(), state, &pages, &mut FileSink(file)).map_err(|error| match error {
        WriteError::State(error) => error.into(),
        WriteError::Sink(error) => error.into(),
    })
}

/// A file with an image, its head read and found right.
#[derive(Debug)]
pub struct ImageFile {
    file: File,
    view: View,
    head: ImageHead,
}

impl ImageFile {
    /// Whether an image could be saved at `path`, as far as can be told before: its directory is there, and
    /// the name is free or a file's.
    ///
    /// # Errors
    /// [`FreezeError::Io`], [`FreezeError::NotAFile`].
    pub fn can_be_saved_to(path: &Path) -> Result<(), FreezeError> {
        Target::new(path).map(drop)
    }

    /// Opens a file and reads its head.
    ///
    /// # Errors
    /// [`ImageFileError`]: it cannot be read, is no image, or not as it was written.
    pub fn open(path: &Path) -> Result<Self, ImageFileError> {
        let file = File::open(path)?;
        let view = View::of(file.as_fd(), file.metadata()?.len())
            .map_err(|errno| io::Error::from_raw_os_error(errno.get()))?;
        let head = ImageHead::read(view.bytes())?;
        Ok(Self { file, view, head })
    }

    /// Its state, without the contents of memories.
    #[must_use]
    pub fn head(&self) -> &ImageHead {
        &self.head
    }

    /// Looks at the checksums of all pages.
    ///
    /// # Errors
    /// [`ImageError`]: which pages were altered.
    pub fn verify(&self) -> Result<(), ImageError> {
        let mut runs = self.head.runs.iter().flatten();
        runs.try_for_each(|run| run.verify(self.view.bytes()).map(drop))
    }

    /// All of it, to be edited.
    ///
    /// # Errors
    /// [`ImageFileError::Image`]: what was altered.
    pub fn image(&self) -> Result<Image, ImageFileError> {
        Ok(Image::read(self.view.bytes())?)
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.view.bytes()
    }
}
