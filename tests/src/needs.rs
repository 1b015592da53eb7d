//! What a test needs from the machine.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The first of `programs` that is not installed.
#[must_use]
pub fn missing_program<'a>(programs: &[&'a str]) -> Option<&'a str> {
    programs.iter().copied().find(|program| find(program).is_none())
}

/// Where a program is found in `PATH`.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Path::new(program).exists().then(|| program.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// The first of `needs` (flags as in /proc/cpuinfo, or `root`) that this machine lacks.
#[must_use]
pub fn missing_feature(needs: &[String]) -> Option<&str> {
    needs.iter().map(String::as_str).find(|need| match *need {
        "root" => !nix_is_root(),
        flag => !cpu_flags().iter().any(|have| have == flag),
    })
}

fn nix_is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

fn cpu_flags() -> &'static [String] {
    static FLAGS: OnceLock<Vec<String>> = OnceLock::new();
    FLAGS.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("flags")).unwrap_or("");
        line.split_whitespace().map(str::to_owned).collect()
    })
}

/// Whether the slow tests are wanted (`MIDSTRIDE_SLOW=1`).
#[must_use]
pub fn slow_wanted() -> bool {
    std::env::var_os("MIDSTRIDE_SLOW").is_some_and(|value| value == "1")
}
