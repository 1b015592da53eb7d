//! How a command is run.

use std::ffi::OsString;
use std::path::Path;

/// One way to run a command a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Natively again: shows whether the command is deterministic.
    Native,
    /// `midtrace run`.
    Run,
    /// `midtrace cov`.
    Cov,
    /// `midtrace count`.
    Count,
    /// `midtrace run` with a cache so small that it is evicted constantly.
    Torture,
    /// `midtrace cov`, likewise.
    TortureCov,
    /// `midtrace count`, likewise.
    TortureCount,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Mode; 7] = [
        Mode::Native,
        Mode::Run,
        Mode::Cov,
        Mode::Count,
        Mode::Torture,
        Mode::TortureCov,
        Mode::TortureCount,
    ];

    /// The name used in directives, in `MIDSTRIDE_MODES` and in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Mode::Native => "native",
            Mode::Run => "run",
            Mode::Cov => "cov",
            Mode::Count => "count",
            Mode::Torture => "torture",
            Mode::TortureCov => "torture-cov",
            Mode::TortureCount => "torture-count",
        }
    }

    /// The mode of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// The words before the command, without the path of midtrace; empty for [`Mode::Native`]. What
    /// they write goes below `aside`, outside the command's directory.
    #[must_use]
    pub fn words(self, aside: &Path) -> Vec<OsString> {
        let plain: &[&str] = match self {
            Mode::Native => return Vec::new(),
            Mode::Run => &["run"],
            Mode::Cov => &["cov"],
            Mode::Count => &["count"],
            Mode::Torture => &["run", "--torture", "--stats", "--json"],
            Mode::TortureCov => &["cov", "--torture"],
            Mode::TortureCount => &["count", "--torture", "--stats", "--json"],
        };
        let mut words: Vec<OsString> = plain.iter().map(OsString::from).collect();
        match self.output() {
            Some(name) => words.extend(["-o".into(), aside.join(name).into_os_string()]),
            None => words.push("-q".into()),
        }
        words.push("--".into());
        words
    }

    /// How many times the native limit it may take.
    #[must_use]
    pub fn patience(self) -> u32 {
        match self {
            Mode::Native | Mode::Run | Mode::Cov | Mode::Count => 1,
            Mode::Torture | Mode::TortureCov | Mode::TortureCount => 4,
        }
    }

    /// The name of the file that the mode writes.
    #[must_use]
    pub fn output(self) -> Option<&'static str> {
        match self {
            Mode::Cov | Mode::TortureCov => Some("out.drcov"),
            Mode::Count | Mode::TortureCount => Some("out.count"),
            Mode::Torture => Some("out.torture"),
            Mode::Native | Mode::Run => None,
        }
    }

    /// How often the code cache was evicted in the run that wrote below `aside`; `None` when the mode does not say.
    #[must_use]
    pub fn evictions(self, aside: &Path) -> Option<u64> {
        let (Mode::Torture | Mode::TortureCount) = self else { return None };
        let text = std::fs::read_to_string(aside.join(self.output()?)).unwrap_or_default();
        let report: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        Some(report["counters"]["evictions"].as_u64().unwrap_or(0))
    }
}

/// The modes that `MIDSTRIDE_MODES` names (comma-separated, `all` for all), else `default`.
///
/// # Panics
/// On an unknown name.
#[must_use]
pub fn wanted(default: &[Mode]) -> Vec<Mode> {
    let Ok(names) = std::env::var("MIDSTRIDE_MODES") else { return default.to_vec() };
    if names == "all" {
        return Mode::ALL.to_vec();
    }
    names.split(',').map(|name| Mode::parse(name.trim()).expect("a mode's name")).collect()
}
