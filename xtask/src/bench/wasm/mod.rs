//! `cargo xtask bench wasm`.

mod build;
mod compile;
mod engines;
mod freeze;
mod kernels;
mod report;
mod text;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};

use super::chart;
use super::measure::Meter;
use super::output::{self, Forms};
use super::series::{self, Way};
use crate::project::metadata;
use build::{Builder, Profile};
use engines::{Engine, Runner};
use kernels::{Amount, KERNELS, Kernel, Origin};
use report::{Report, Row};

/// Run time of WebAssembly programs under midwasm over that under other engines, and what goes with it.
#[derive(Args)]
pub(crate) struct Options {
    /// Rounds; each runs every engine once, the median is reported.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only these kernels.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these engines (native always takes part).
    #[arg(long, value_delimiter = ',')]
    engines: Vec<String>,
    /// Only these parts.
    #[arg(long, value_delimiter = ',')]
    parts: Vec<Part>,
    /// Run each kernel once on little work in an unoptimized midwasm; look at results, not at times.
    #[arg(long)]
    test: bool,
    /// Also put the tables, the chart and the numbers there.
    #[arg(long)]
    save: Option<PathBuf>,
    /// Seconds after which a program is killed and counts as failed.
    #[arg(long, default_value_t = 300)]
    limit: u64,
}

/// Something that is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// What programs take.
    Running,
    /// How fast large modules are compiled.
    Compiling,
    /// What freezing and thawing take.
    Freezing,
}

/// Runs each kernel once on little work in an unoptimized midwasm and compares what it prints with what a native
/// one does. Kernels that take long to build are left out; the engine's tests have them.
pub(crate) fn test_kernels() -> Result<()> {
    let place = Place::new(Duration::from_secs(300))?;
    let runner = place.runner()?;
    let engines = engines::ours(&place.builder, Profile::Dev)?;
    let mut equal = 0;
    for kernel in KERNELS.iter().filter(|kernel| kernel.origin == Origin::Own) {
        let Some(program) = kernel.program(&place.builder, Amount::Small) else { continue };
        let ways: Vec<Way<'_>> = engines.iter().map(|engine| runner.wasm(engine, &program)).collect();
        let series = series::measure(&runner.native(&program), &ways, 1)?;
        ensure!(series.is_equal(), "{}: midwasm does not do what the processor does", kernel.name);
        equal += 1;
    }
    println!("{equal} kernels print the same under midwasm as natively");
    Ok(())
}

/// Where things are built and run.
struct Place {
    builder: Builder,
    scratch: PathBuf,
    limit: Duration,
}

impl Place {
    fn new(limit: Duration) -> Result<Self> {
        let target = metadata()?.target_directory;
        let scratch = target.join("bench").join("wasm");
        fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
        Ok(Self { builder: Builder::new(&target)?, scratch, limit })
    }

    fn runner(&self) -> Result<Runner<'_>> {
        let meter = Meter::new(&self.scratch, self.limit)?;
        Ok(Runner { meter, times: self.scratch.join("times.json") })
    }
}

impl Options {
    pub(super) fn run(&self) -> Result<()> {
        if self.test {
            return test_kernels();
        }
        let place = Place::new(Duration::from_secs(self.limit))?;
        let report = self.measure(&place.builder, &place.runner()?)?;
        println!("\n{}", report.markdown());
        let folders: Vec<_> = std::iter::once(&*place.scratch).chain(self.save.as_deref()).collect();
        let svg = chart::svg(&report.bars());
        Forms { markdown: report.markdown(), json: report.json()?, svg }.write("wasm", &folders)
    }

    fn measure(&self, builder: &Builder, runner: &Runner<'_>) -> Result<Report> {
        let engines = self.engines(builder)?;
        let mut report = Report::new(self.rounds, &engines);
        let kernels = if self.measures(Part::Running) { self.kernels()? } else { Vec::new() };
        for kernel in kernels {
            let Some(program) = kernel.program(builder, Amount::Measured) else {
                report.skip(kernel.name);
                continue;
            };
            let ways: Vec<Way<'_>> = engines.iter().map(|engine| runner.wasm(engine, &program)).collect();
            let series = series::measure(&runner.native(&program), &ways, self.rounds);
            let series = series.with_context(|| format!("measuring {}", kernel.name))?;
            let row = Row { kernel, series };
            println!("{}", row.summary());
            report.add(row);
        }
        if self.measures(Part::Compiling) {
            report.compiling = compile::measure(builder, runner, &engines, self.rounds)?;
        }
        if self.measures(Part::Freezing) {
            report.freezing = freeze::measure(self.rounds)?;
        }
        Ok(report)
    }

    /// Whether a part is to be measured: all are, unless some were named.
    fn measures(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }

    fn engines(&self, builder: &Builder) -> Result<Vec<Engine>> {
        let mut all = engines::ours(builder, Profile::Release)?;
        all.extend(engines::peers(builder));
        let known: Vec<&str> = all.iter().map(|engine| engine.name).collect();
        output::check_names(&self.engines, &known)?;
        all.retain(|engine| self.engines.is_empty() || self.engines.iter().any(|name| name == engine.name));
        Ok(all)
    }

    fn kernels(&self) -> Result<Vec<&'static Kernel>> {
        let known: Vec<&str> = KERNELS.iter().map(|kernel| kernel.name).collect();
        output::check_names(&self.only, &known)?;
        let chosen =
            |kernel: &&Kernel| self.only.is_empty() || self.only.iter().any(|name| name == kernel.name);
        Ok(KERNELS.iter().filter(chosen).collect())
    }
}
