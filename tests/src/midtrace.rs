//! Finds or builds the program under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of midtrace: the environment variable `MIDTRACE`, or built once below `target`.
///
/// # Errors
/// A text that says why there is none: every test that needs it fails with it.
pub fn path(target: &Path) -> Result<&'static Path, &'static str> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND.get_or_init(|| find(target)).as_deref().map_err(String::as_str)
}

fn find(target: &Path) -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("MIDTRACE") {
        let path = PathBuf::from(path);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(format!("MIDTRACE={} is no file", path.display()))
        };
    }
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "-p", "midstride-tracer", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    let path = target.join("release/midtrace");
    if output.status.success() && path.is_file() {
        return Ok(path);
    }
    Err(format!("midtrace does not build:\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// The target directory, from the path of one of this package's executables (`target/debug/keeper`).
///
/// # Panics
/// When the path has no two directories above it, which Cargo never makes.
#[must_use]
pub fn target_directory(executable: &str) -> PathBuf {
    Path::new(executable).ancestors().nth(2).expect("Cargo puts executables below target/PROFILE").to_owned()
}
