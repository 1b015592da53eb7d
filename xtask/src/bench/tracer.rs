//! `cargo xtask bench tracer`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::chart;
use super::inputs::Inputs;
use super::measure::Meter;
use super::report::{Machine, Report, Row};
use super::series::{self, Job};
use super::variants::{self, Variant};
use super::workloads::{WORKLOADS, Workload};
use crate::project::metadata;
use crate::shell::{self, cargo};

/// CPU time of whole process trees over native: run, cov and count, and what else is installed.
#[derive(Args)]
pub(crate) struct Options {
    /// Rounds; each runs every variant once beside native, the median is reported.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only these workloads.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these variants (run, cov, count, and the names `cargo xtask peers` shows).
    #[arg(long, value_delimiter = ',')]
    variants: Vec<String>,
    /// Leave the other tools out.
    #[arg(long)]
    no_peers: bool,
    /// Measure this midtrace instead of a fresh release build.
    #[arg(long)]
    midtrace: Option<PathBuf>,
    /// Also put the table, the chart and the numbers there.
    #[arg(long)]
    save: Option<PathBuf>,
    /// Seconds after which a program is killed and counts as failed.
    #[arg(long, default_value_t = 300)]
    limit: u64,
}

impl Options {
    pub(super) fn run(&self) -> Result<()> {
        let target = metadata()?.target_directory;
        let inputs = Inputs::new(target.join("bench").join("inputs"))?;
        let scratch = target.join("bench").join("scratch");
        fs::create_dir_all(&scratch)?;
        let meter = Meter::new(&scratch, Duration::from_secs(self.limit))?;
        let variants = self.variants(&self.midtrace(&target)?, &scratch)?;
        let mut report = Report::new(Machine::here(), self.rounds, &variants);
        for workload in self.workloads()? {
            self.measure(workload, &inputs, &meter, &variants, &mut report)?;
        }
        println!("\n{}", report.markdown());
        self.write(&report, &target.join("bench").join("tracer"))
    }

    fn measure(
        &self,
        workload: &'static Workload,
        inputs: &Inputs,
        meter: &Meter<'_>,
        variants: &[Variant],
        report: &mut Report,
    ) -> Result<()> {
        let Some(argv) = (workload.command)(inputs)? else {
            println!("{}: not installed, not measured", workload.name);
            report.skip(workload.name);
            return Ok(());
        };
        let job = Job { argv: &argv, starts: workload.starts, folder: inputs.folder() };
        let series = series::measure(meter, &job, variants, self.rounds);
        let row = Row { workload, series: series.with_context(|| format!("measuring {}", workload.name))? };
        println!("{}", row.summary());
        report.add(row);
        Ok(())
    }

    /// The midtrace to measure.
    fn midtrace(&self, target: &Path) -> Result<PathBuf> {
        if let Some(given) = &self.midtrace {
            return given.canonicalize().with_context(|| format!("no {}", given.display()));
        }
        shell::run(&mut cargo(["build", "--locked", "--release", "--bin", "midtrace"]))?;
        Ok(target.join("release").join("midtrace"))
    }

    fn variants(&self, midtrace: &Path, scratch: &Path) -> Result<Vec<Variant>> {
        let mut all = variants::ours(midtrace, scratch);
        if !self.no_peers {
            all.extend(variants::peers());
        }
        let known: Vec<&str> = all.iter().map(|variant| variant.name).collect();
        check_names(&self.variants, &known)?;
        all.retain(|variant| {
            self.variants.is_empty() || self.variants.iter().any(|name| name == variant.name)
        });
        Ok(all)
    }

    fn workloads(&self) -> Result<Vec<&'static Workload>> {
        let known: Vec<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
        check_names(&self.only, &known)?;
        let chosen =
            |workload: &&Workload| self.only.is_empty() || self.only.iter().any(|name| name == workload.name);
        Ok(WORKLOADS.iter().filter(chosen).collect())
    }

    fn write(&self, report: &Report, folder: &Path) -> Result<()> {
        for folder in std::iter::once(folder).chain(self.save.as_deref()) {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            fs::write(folder.join("results.md"), report.markdown())?;
            fs::write(folder.join("results.json"), report.json()?)?;
            fs::write(folder.join("results.svg"), chart::svg(report))?;
            println!("written: {}/results.{{md,json,svg}}", folder.display());
        }
        Ok(())
    }
}

fn check_names(wanted: &[String], known: &[&str]) -> Result<()> {
    let unknown = wanted.iter().find(|name| !known.contains(&name.as_str()));
    ensure!(
        unknown.is_none(),
        "there is no {}; there are: {}",
        unknown.map_or("", |name| name),
        known.join(", ")
    );
    Ok(())
}
