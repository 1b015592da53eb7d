//! The report for people.

use std::io::{self, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::disasm;
use super::json::end_name;
use super::profile::ProcessEnd;
use super::stats::COUNTERS;
use super::summary::{Counters, Summary};
use super::table::{Table, grouped, percent};
use crate::host::Ending;
use crate::options::Mode;

const NAME: Style = Style::new().bold();
const WARNING: Style = AnsiColor::Yellow.on_default();
/// Blocks shown with their instructions.
const MOST_BLOCKS: usize = 5;

/// Writes `summary` with colour codes; give it a stream that takes them out where they do not belong.
///
/// # Errors
/// Those of `out`.
pub fn write(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    write_head(summary, out)?;
    match summary.mode {
        Mode::Run => {}
        Mode::Cov => coverage_table(summary).write(out)?,
        Mode::Count => {
            count_table(summary).write(out)?;
            function_table(summary).write(out)?;
            write_top_blocks(summary, out)?;
        }
    }
    process_table(summary).write(out)?;
    if summary.counters == Counters::Shown {
        counter_table(summary).write(out)?;
    }
    write_warnings(summary, out)?;
    if let Some((path, _)) = &summary.coverage_file {
        say(out, &format!("coverage written to {}", path.display()))?;
    }
    Ok(())
}

fn say(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out, "{NAME}midtrace:{NAME:#} {text}")
}

fn warn(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out, "{NAME}midtrace:{NAME:#} {WARNING}{text}{WARNING:#}")
}

fn write_head(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    let outcome = &summary.outcome;
    let command = summary.command.first().map_or("", String::as_str);
    let ending = match outcome.ending {
        Ending::Exited(status) => format!("exited with {status}"),
        Ending::Killed(signal) => format!("was killed by {}", signal_name(signal)),
    };
    let (wall, user, system) = (seconds(outcome.wall), seconds(outcome.user), seconds(outcome.system));
    say(out, &format!("{command} {ending} after {wall} (CPU: {user} user, {system} system)"))?;
    let processes = plural(summary.profile.processes.len() as u64, "process", "processes");
    let threads = plural(summary.threads(), "thread", "threads");
    let total = summary.total;
    let (blocks, bytes) = (plural(total.blocks, "block", "blocks"), grouped(total.bytes));
    match summary.mode {
        Mode::Run => say(out, &format!("{processes}, {threads}")),
        Mode::Cov => say(out, &format!("{processes}, {threads}; {blocks} of {bytes} bytes executed")),
        Mode::Count => {
            let (instructions, entered) = (grouped(total.instructions), grouped(total.entered));
            let what = format!("{instructions} instructions in {entered} executions of {blocks}");
            say(out, &format!("{processes}, {threads}; {what}"))
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A signal's name as in `kill -l`.
#[must_use]
pub fn signal_name(signal: i32) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
        "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
        "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    let name = usize::try_from(signal - 1).ok().and_then(|index| NAMES.get(index));
    name.map_or_else(|| format!("signal {signal}"), |name| format!("SIG{name}"))
}

fn coverage_table(summary: &Summary) -> Table {
    let mut table = Table::new(&["blocks", "bytes", "of code", "covered", "module"]);
    let mut rows: Vec<_> = summary.profile.modules.iter().zip(&summary.modules).collect();
    rows.sort_by_key(|(_, module)| std::cmp::Reverse(module.sums.bytes));
    for (module, sums) in rows.into_iter().filter(|(_, sums)| sums.sums.blocks != 0) {
        let code = if module.executable_bytes == 0 { "-".into() } else { grouped(module.executable_bytes) };
        let covered = percent(sums.sums.bytes, module.executable_bytes);
        let (blocks, bytes) = (grouped(sums.sums.blocks), grouped(sums.sums.bytes));
        table.row([blocks, bytes, code, covered, module.path.display().to_string()]);
    }
    table
}

fn count_table(summary: &Summary) -> Table {
    let mut table = Table::new(&["instructions", "share", "executions", "blocks", "module"]);
    let mut rows: Vec<_> = summary.profile.modules.iter().zip(&summary.modules).collect();
    rows.sort_by_key(|(_, module)| std::cmp::Reverse(module.sums.instructions));
    for (module, sums) in rows.into_iter().filter(|(_, sums)| sums.sums.blocks != 0) {
        let share = percent(sums.sums.instructions, summary.total.instructions);
        let sums = sums.sums;
        let numbers = [grouped(sums.instructions), share, grouped(sums.entered), grouped(sums.blocks)];
        table.row(numbers.into_iter().chain([module.path.display().to_string()]));
    }
    table
}

fn function_table(summary: &Summary) -> Table {
    let mut table = Table::new(&["instructions", "share", "executions", "function"]);
    for function in summary.functions.iter() {
        let module = summary.profile.modules[function.module.index()].name();
        let sums = function.sums;
        let share = percent(sums.instructions, summary.total.instructions);
        let name = match function.name.as_str() {
            "?" => format!("(no symbol, {module})"),
            name => format!("{name} ({module})"),
        };
        table.row([grouped(sums.instructions), share, grouped(sums.entered), name]);
    }
    table
}

fn write_top_blocks(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    for top in summary.top.iter().take(MOST_BLOCKS) {
        let block = &top.block;
        let module = &summary.profile.modules[block.module.index()];
        let place = match &top.function {
            Some((name, 0)) => name.clone(),
            Some((name, distance)) => format!("{name}+{distance:#x}"),
            None => "(no symbol)".to_owned(),
        };
        let times = plural(block.entered, "execution", "executions");
        let insns = plural(block.insns.into(), "instruction", "instructions");
        writeln!(out, "\n{times} of {insns}: {place} ({}+{:#x})", module.name(), block.offset)?;
        for line in disasm::lines(module, block) {
            writeln!(out, "  {:#8x}  {}", line.offset, line.text)?;
        }
    }
    Ok(())
}

/// Only when there was more than one process.
fn process_table(summary: &Summary) -> Table {
    let processes = &summary.profile.processes;
    let mut table = match summary.mode {
        Mode::Run => Table::new(&["pid", "threads", "end", "program"]),
        Mode::Cov => Table::new(&["pid", "threads", "blocks", "end", "program"]),
        Mode::Count => Table::new(&["pid", "threads", "blocks", "instructions", "end", "program"]),
    };
    if processes.len() < 2 {
        return table;
    }
    for process in processes.iter() {
        let mut cells = vec![process.pid.to_string(), grouped(process.threads.into())];
        if summary.mode != Mode::Run {
            cells.push(grouped(process.blocks.into()));
        }
        if summary.mode == Mode::Count {
            cells.push(grouped(process.instructions));
        }
        let program = if process.program.is_empty() { "?" } else { &process.program };
        let forked = if process.forked { " (fork)" } else { "" };
        cells.extend([end_name(process.end).to_owned(), format!("{program}{forked}")]);
        table.row(cells);
    }
    table
}

fn counter_table(summary: &Summary) -> Table {
    let mut table = Table::new(&["number", "engine counter"]);
    for counter in COUNTERS {
        let value = summary.profile.stats.get(counter.index).copied().unwrap_or(0);
        table.row([grouped(value), counter.meaning.to_owned()]);
    }
    table
}

fn write_warnings(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    summary.outcome.notes.iter().try_for_each(|note| warn(out, &note.to_string()))?;
    for (number, one, many) in counted_warnings(summary) {
        if number != 0 {
            warn(out, &plural(number, one, many))?;
        }
    }
    Ok(())
}

/// Each with its text for one and for many.
fn counted_warnings(summary: &Summary) -> [(u64, &'static str, &'static str); 4] {
    let profile = &summary.profile;
    let running = profile.processes.iter().filter(|process| process.end == ProcessEnd::Running).count();
    let left_out = summary.coverage_file.as_ref().map_or(0, |(_, written)| written.left_out);
    [
        (
            running as u64,
            "process still runs; what it does now is not in this report",
            "processes still run; what they do now is not in this report",
        ),
        (
            profile.lost,
            "record found no room: this report is incomplete",
            "records found no room: this report is incomplete",
        ),
        (profile.homeless, "block in no known module", "blocks in no known module"),
        (left_out, "block does not fit the drcov format", "blocks do not fit the drcov format"),
    ]
}
