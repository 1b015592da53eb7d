//! What freezing and thawing take, as the engine's own bench measures them.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::text::{Bound, line};
use crate::bench::stats::Spread;
use crate::shell::cargo;

/// One size of memory, all of it in use.
#[derive(Serialize, Deserialize)]
pub(super) struct Frozen {
    pages: String,
    mebibytes: u32,
    image_bytes: u64,
    touch_ns: Vec<u64>,
    state_ns: Vec<u64>,
    pause_ns: Vec<u64>,
    touch_copied_ns: Vec<u64>,
    saved_ns: Vec<u64>,
    thaw_ns: Vec<u64>,
}

/// Milliseconds that a program may stand still, whatever it uses up to a gigabyte.
const PAUSE: Bound = Bound::AtMost(2.0);
/// Milliseconds to the first instruction after a thaw.
const THAW: Bound = Bound::AtMost(5.0);

/// Runs the bench.
pub(super) fn measure(rounds: u32) -> Result<Vec<Frozen>> {
    let mut command =
        cargo(["bench", "--quiet", "--locked", "-p", "midstride-osr", "--bench", "freeze", "--"]);
    let output = command.args(["--json", "--rounds", &rounds.to_string()]).output().context("cargo bench")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the bench failed: {errors}");
    serde_json::from_slice(&output.stdout).context("the bench printed something unexpected")
}

/// The table.
pub(super) fn markdown(rows: &[Frozen]) -> String {
    let heads = [
        "memory in use".to_owned(),
        PAUSE.head("pause, ms"),
        "lost to later faults, ms".to_owned(),
        "image".to_owned(),
        "on the disk after, ms".to_owned(),
        THAW.head("thaw, ms"),
    ];
    let mut text = String::from(
        "\n## Freezing\n\nTime on the wall, medians. `pause`: a program that has written to every 4 KiB of its memory stands \
         still until a process with a copy-on-write view of it writes the image. `lost`: how much longer it takes then to \
         write to all of it again. `thaw`: from opening the image, without reading all of it, to the first instruction, \
         in a process that has the module compiled.\n\n",
    );
    text += &line(heads.clone());
    text += &line(heads.map(|_| "---".to_owned()));
    rows.iter().for_each(|row| text += &line(row.cells()));
    text
}

impl Frozen {
    fn cells(&self) -> [String; 6] {
        let lost = milliseconds(&self.touch_copied_ns) - milliseconds(&self.touch_ns);
        [
            format!("{} MiB, {} pages", self.mebibytes, self.pages),
            PAUSE.show(milliseconds(&self.pause_ns), 2),
            format!("{lost:.2}"),
            format!("{:.2} MiB", self.image_bytes as f64 / f64::from(1 << 20)),
            format!("{:.0}", milliseconds(&self.saved_ns)),
            THAW.show(milliseconds(&self.thaw_ns), 2),
        ]
    }
}

fn milliseconds(ns: &[u64]) -> f64 {
    Spread::of(ns.iter().map(|&ns| ns as f64 / 1e6)).map_or(f64::NAN, |spread| spread.median)
}
