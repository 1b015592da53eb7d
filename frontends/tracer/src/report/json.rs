//! The report for programs.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value};

use super::disasm;
use super::profile::{Block, ProcessEnd};
use super::stats::COUNTERS;
use super::summary::{Counters, Summary};
use super::totals::Sums;
use crate::host::{Ending, Outcome};
use crate::options::Mode;

#[derive(Serialize)]
struct Report<'s> {
    /// Changes when a field changes its meaning or goes away.
    format: u32,
    mode: &'static str,
    command: &'s [String],
    ending: EndingJson,
    time: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<SumsJson>,
    modules: Vec<ModuleJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    functions: Vec<FunctionJson<'s>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_blocks: Vec<BlockJson<'s>>,
    processes: Vec<ProcessJson<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counters: Option<Map<String, Value>>,
    lost_records: u64,
    blocks_without_module: u64,
    notes: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum EndingJson {
    Exited(u8),
    Signal(i32),
}

#[derive(Serialize)]
struct Time {
    wall_seconds: f64,
    user_seconds: f64,
    system_seconds: f64,
}

/// Sums, without those that the mode does not make.
#[derive(Serialize)]
struct SumsJson {
    blocks: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    entered: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<u64>,
}

#[derive(Serialize)]
struct ModuleJson {
    path: String,
    base: u64,
    end: u64,
    #[serde(skip_serializing_if = "is_zero")]
    executable_bytes: u64,
    #[serde(flatten)]
    sums: SumsJson,
}

#[derive(Serialize)]
struct FunctionJson<'s> {
    module: String,
    name: &'s str,
    offset: u64,
    #[serde(flatten)]
    sums: SumsJson,
}

#[derive(Serialize)]
struct BlockJson<'s> {
    module: String,
    offset: u64,
    bytes: u32,
    insns: u32,
    entered: u64,
    instructions: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'s str>,
    disassembly: Vec<String>,
}

#[derive(Serialize)]
struct ProcessJson<'s> {
    slot: u32,
    pid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_slot: Option<u32>,
    forked: bool,
    program: &'s str,
    threads: u32,
    blocks: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<u64>,
    end: &'static str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// Writes `summary` as one JSON object and a line break.
///
/// # Errors
/// Those of `out`.
pub fn write(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &report(summary))?;
    writeln!(out)
}

fn report(summary: &Summary) -> Report<'_> {
    let outcome = &summary.outcome;
    Report {
        format: 1,
        mode: mode_name(summary.mode),
        command: &summary.command,
        ending: ending(outcome),
        time: Time {
            wall_seconds: outcome.wall.as_secs_f64(),
            user_seconds: outcome.user.as_secs_f64(),
            system_seconds: outcome.system.as_secs_f64(),
        },
        total: (summary.mode != Mode::Run).then(|| sums(summary, summary.total)),
        modules: modules(summary),
        functions: functions(summary),
        top_blocks: top_blocks(summary),
        processes: processes(summary),
        coverage_file: summary.coverage_file.as_ref().map(|(path, _)| path.display().to_string()),
        counters: (summary.counters == Counters::Shown).then(|| counters(summary)),
        lost_records: summary.profile.lost,
        blocks_without_module: summary.profile.homeless,
        notes: outcome.notes.iter().map(ToString::to_string).collect(),
    }
}

fn ending(outcome: &Outcome) -> EndingJson {
    match outcome.ending {
        Ending::Exited(status) => EndingJson::Exited(status),
        Ending::Killed(signal) => EndingJson::Signal(signal),
    }
}

/// The subcommand of a mode.
pub(super) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Run => "run",
        Mode::Cov => "cov",
        Mode::Count => "count",
    }
}

fn sums(summary: &Summary, sums: Sums) -> SumsJson {
    let Sums { blocks, bytes, entered, instructions } = sums;
    let counted = |number| (summary.mode == Mode::Count).then_some(number);
    SumsJson { blocks, bytes, entered: counted(entered), instructions: counted(instructions) }
}

/// Those that have executed anything.
fn modules(summary: &Summary) -> Vec<ModuleJson> {
    let with_sums = summary.profile.modules.iter().zip(&summary.modules);
    let with_sums = with_sums.filter(|(_, module)| module.sums.blocks != 0);
    let json = with_sums.map(|(module, sums)| ModuleJson {
        path: module.path.display().to_string(),
        base: module.base,
        end: module.base.wrapping_add(module.span),
        executable_bytes: module.executable_bytes,
        sums: self::sums(summary, sums.sums),
    });
    json.collect()
}

fn functions(summary: &Summary) -> Vec<FunctionJson<'_>> {
    let json = summary.functions.iter().map(|function| FunctionJson {
        module: path(summary, function.module.index()),
        name: &function.name,
        offset: function.offset,
        sums: sums(summary, function.sums),
    });
    json.collect()
}

fn top_blocks(summary: &Summary) -> Vec<BlockJson<'_>> {
    let json = summary.top.iter().map(|top| BlockJson {
        module: path(summary, top.block.module.index()),
        offset: top.block.offset,
        bytes: top.block.bytes,
        insns: top.block.insns,
        entered: top.block.entered,
        instructions: top.block.executed,
        function: top.function.as_ref().map(|(name, _)| name.as_str()),
        disassembly: disassembly(summary, &top.block),
    });
    json.collect()
}

fn disassembly(summary: &Summary, block: &Block) -> Vec<String> {
    let lines = disasm::lines(&summary.profile.modules[block.module.index()], block);
    lines.into_iter().map(|line| line.text).collect()
}

fn path(summary: &Summary, module: usize) -> String {
    summary.profile.modules[module].path.display().to_string()
}

fn processes(summary: &Summary) -> Vec<ProcessJson<'_>> {
    let json = summary.profile.processes.iter().map(|process| ProcessJson {
        slot: process.slot,
        pid: process.pid,
        parent_slot: process.parent,
        forked: process.forked,
        program: &process.program,
        threads: process.threads,
        blocks: process.blocks,
        instructions: (summary.mode == Mode::Count).then_some(process.instructions),
        end: end_name(process.end),
    });
    json.collect()
}

/// How a process ended, in one word.
pub(super) fn end_name(end: ProcessEnd) -> &'static str {
    match end {
        ProcessEnd::Exited => "exited",
        ProcessEnd::Execed => "execed",
        ProcessEnd::Killed => "killed",
        ProcessEnd::Running => "running",
    }
}

fn counters(summary: &Summary) -> Map<String, Value> {
    let value = |index: usize| summary.profile.stats.get(index).copied().unwrap_or(0);
    COUNTERS.iter().map(|counter| (counter.name.to_owned(), value(counter.index).into())).collect()
}
