//! What a command wrote into its directory.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Contents above this many bytes are compared by length and hash only.
const SHOWN_BYTES: u64 = 1 << 16;

/// One file, without its times and owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// A regular file with its permission bits and content.
    Regular(u32, Vec<u8>),
    /// A regular file with its permission bits, length and a hash of its content.
    Large(u32, u64, u64),
    /// A directory with its permission bits.
    Directory(u32),
    /// A symbolic link and where it points.
    Symlink(PathBuf),
    /// Anything else, by the type bits of its mode.
    Other(u32),
}

impl FileState {
    /// In one line.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            FileState::Regular(mode, content) => format!("file, mode {mode:o}, {} bytes", content.len()),
            FileState::Large(mode, bytes, hash) => {
                format!("file, mode {mode:o}, {bytes} bytes, hash {hash:#x}")
            }
            FileState::Directory(mode) => format!("directory, mode {mode:o}"),
            FileState::Symlink(target) => format!("link to {}", target.display()),
            FileState::Other(kind) => format!("special file {kind:o}"),
        }
    }
}

/// Everything below `root`, by relative path.
#[must_use]
pub fn take(root: &Path) -> BTreeMap<PathBuf, FileState> {
    let mut found = BTreeMap::new();
    visit(root, root, &mut found);
    found
}

fn visit(root: &Path, directory: &Path, found: &mut BTreeMap<PathBuf, FileState>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let relative = path.strip_prefix(root).expect("below the root").to_owned();
        found.insert(relative, state(&path, &metadata));
        if metadata.is_dir() {
            visit(root, &path, found);
        }
    }
}

fn state(path: &Path, metadata: &fs::Metadata) -> FileState {
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_dir() {
        FileState::Directory(mode)
    } else if metadata.is_symlink() {
        FileState::Symlink(fs::read_link(path).unwrap_or_default())
    } else if !metadata.is_file() {
        FileState::Other(metadata.mode() & 0o170_000)
    } else if metadata.len() <= SHOWN_BYTES {
        FileState::Regular(mode, fs::read(path).unwrap_or_default())
    } else {
        FileState::Large(mode, metadata.len(), hash_of(path))
    }
}

fn hash_of(path: &Path) -> u64 {
    use std::hash::Hasher;
    use std::io::Read;
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    let Ok(mut file) = fs::File::open(path) else { return 0 };
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = file.read(&mut buffer) {
        hasher.write(&buffer[..count]);
    }
    hasher.finish()
}
