//! How fast engines compile large modules in one thread, and how large the result is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::build::Builder;
use super::engines::{Engine, OURS, Runner, WITHOUT_POLLS};
use super::text::{Bound, line};
use crate::bench::stats::Spread;
use crate::shell;

/// A module that is compiled.
struct Large {
    name: &'static str,
    /// Megabytes a second that midwasm is to compile.
    goal: f64,
    find: fn(&Builder) -> Result<PathBuf>,
}

const MODULES: [Large; 2] = [
    Large { name: "sqlite", goal: 45.0, find: |builder| Ok(builder.packed("sqlite")?.1) },
    Large { name: "esbuild", goal: 60.0, find: esbuild },
];

/// What a byte of a module may add to the maps.
const MAP_GOAL: f64 = 1.5;

/// The package of the npm registry that has the larger module.
const ESBUILD: &str = "esbuild-wasm@0.28.2";
const ESBUILD_FILE: &str = "package/esbuild.wasm";

/// What was measured of one module.
#[derive(Serialize)]
pub(super) struct Compiled {
    module: &'static str,
    #[serde(skip)]
    goal: f64,
    wasm_bytes: usize,
    engines: Vec<By>,
}

/// What was measured of one engine.
#[derive(Serialize)]
struct By {
    engine: &'static str,
    /// Milliseconds for the first module of a process, one a round.
    first_ms: Vec<f64>,
    /// The same for the module compiled again: the fastest time of a process.
    again_ms: Vec<f64>,
    code_bytes: Option<usize>,
    map_bytes: Option<usize>,
}

/// Compiles all modules that can be had in all engines.
pub(super) fn measure(
    builder: &Builder,
    runner: &Runner<'_>,
    engines: &[Engine],
    rounds: u32,
) -> Result<Vec<Compiled>> {
    let mut all = Vec::new();
    for large in &MODULES {
        let module = match (large.find)(builder) {
            Ok(module) => module,
            Err(error) => {
                println!("NOT MEASURED: compiling {}: {error:#}", large.name);
                continue;
            }
        };
        let compiled = one(large, &module, runner, engines, rounds);
        all.push(compiled.with_context(|| format!("compiling {}", large.name))?);
    }
    Ok(all)
}

fn one(
    large: &Large,
    module: &Path,
    runner: &Runner<'_>,
    engines: &[Engine],
    rounds: u32,
) -> Result<Compiled> {
    let wasm_bytes = fs::metadata(module)?.len() as usize;
    let engines: Vec<&Engine> = engines.iter().filter(|engine| engine.name != WITHOUT_POLLS).collect();
    let mut columns: Vec<By> = engines.iter().map(|engine| By::new(engine.name)).collect();
    for _ in 0..rounds {
        for (engine, column) in engines.iter().zip(&mut columns) {
            let times = runner.compile(engine, module)?;
            let mut ms = times.compile_ns.iter().map(|&ns| ns as f64 / 1e6);
            column.first_ms.extend(ms.next());
            column.again_ms.extend(ms.reduce(f64::min));
            (column.code_bytes, column.map_bytes) = (times.code_bytes, times.map_bytes);
        }
    }
    Ok(Compiled { module: large.name, goal: large.goal, wasm_bytes, engines: columns })
}

impl By {
    fn new(engine: &'static str) -> Self {
        Self { engine, first_ms: Vec::new(), again_ms: Vec::new(), code_bytes: None, map_bytes: None }
    }
}

const HEADS: [&str; 6] =
    ["module", "engine", "MB/s again", "MB/s first", "code bytes per wasm byte", "map bytes ≤ 1.5"];

/// The table.
pub(super) fn markdown(all: &[Compiled]) -> String {
    let mut text = String::from(
        "\n## Compiling\n\nIn one thread, its processor time; megabytes (10⁶) of the module's file. `first`: the first \
         module of a process, whose memory is new; `again`: the same module \
         twice more, the faster time.\n\n",
    );
    text += &line(HEADS.map(str::to_owned));
    text += &line(HEADS.map(|_| "---".to_owned()));
    for compiled in all {
        compiled.engines.iter().for_each(|by| text += &line(compiled.cells(by)));
    }
    text
}

impl Compiled {
    fn cells(&self, by: &By) -> [String; 6] {
        let ours = by.engine == OURS;
        let speed = |ms: &[f64], bound: Bound| {
            let median = Spread::of(ms.iter().copied()).map(|spread| spread.median);
            median.map_or_else(String::new, |ms| bound.show(self.wasm_bytes as f64 / ms / 1e3, 1))
        };
        let least = if ours { Bound::AtLeast(self.goal) } else { Bound::None };
        let per_byte = |bytes: Option<usize>, bound: Bound| {
            bytes.map_or_else(String::new, |bytes| bound.show(bytes as f64 / self.wasm_bytes as f64, 2))
        };
        let title =
            format!("{} ({:.2} MB, goal {} MB/s)", self.module, self.wasm_bytes as f64 / 1e6, self.goal);
        [
            title,
            by.engine.to_owned(),
            speed(&by.again_ms, least),
            speed(&by.first_ms, least),
            per_byte(by.code_bytes, Bound::None),
            per_byte(by.map_bytes, Bound::AtMost(MAP_GOAL)),
        ]
    }
}

/// A compiler for another language that was compiled from Go: 14 MB.
fn esbuild(builder: &Builder) -> Result<PathBuf> {
    let folder = builder.modules()?;
    let module = folder.join(ESBUILD_FILE);
    if !module.is_file() {
        ensure!(shell::find(&["npm"]).is_some(), "npm is not installed");
        shell::run(Command::new("npm").args(["pack", "--silent", ESBUILD]).current_dir(&folder))?;
        let archive = ESBUILD.replace('@', "-") + ".tgz";
        shell::run(Command::new("tar").args(["-xzf", &archive, ESBUILD_FILE]).current_dir(&folder))?;
    }
    Ok(module)
}
