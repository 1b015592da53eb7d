//! `cargo xtask bench tracer`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use super::chart;
use super::inputs::Inputs;
use super::measure::Meter;
use super::output::{self, Forms};
use super::report::{Machine, Report, Row};
use super::series;
use super::variants::{self, Job, Rounds, Variant};
use super::workloads::{WORKLOADS, Workload};
use crate::project::metadata;
use crate::shell::{self, cargo};

/// CPU time of whole process trees over native: run, cov and count, and what else is installed.
#[derive(Args)]
pub(crate) struct Options {
    /// Rounds; each runs every variant once beside native, the median is reported.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Other tools, which are slow, take part in the first so many rounds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    peer_rounds: u32,
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
        let mut report = Report::new(Machine::here(), self.all_rounds(), &variants);
        for workload in self.workloads()? {
            self.measure(workload, &inputs, &meter, &variants, &mut report)?;
        }
        println!("\n{}", report.markdown());
        let own = target.join("bench").join("tracer");
        let folders: Vec<_> = std::iter::once(&*own).chain(self.save.as_deref()).collect();
        let svg = chart::svg(&report.bars());
        Forms { markdown: report.markdown(), json: report.json()?, svg }.write("tracer", &folders)
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
        let job = Job { argv: &argv, starts: workload.starts, folder: inputs.folder(), meter };
        let rounds = self.all_rounds();
        let ways: Vec<_> = variants.iter().map(|variant| job.way(variant, rounds)).collect();
        let series = series::measure(&job.native(), &ways, rounds.ours);
        let row = Row { workload, series: series.with_context(|| format!("measuring {}", workload.name))? };
        println!("{}", row.summary());
        report.add(row);
        Ok(())
    }

    fn all_rounds(&self) -> Rounds {
        Rounds { ours: self.rounds, peers: self.peer_rounds.min(self.rounds) }
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
        output::check_names(&self.variants, &known)?;
        all.retain(|variant| {
            self.variants.is_empty() || self.variants.iter().any(|name| name == variant.name)
        });
        Ok(all)
    }

    fn workloads(&self) -> Result<Vec<&'static Workload>> {
        let known: Vec<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
        output::check_names(&self.only, &known)?;
        let chosen =
            |workload: &&Workload| self.only.is_empty() || self.only.iter().any(|name| name == workload.name);
        Ok(WORKLOADS.iter().filter(chosen).collect())
    }
}
