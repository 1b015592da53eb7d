//! What is in an image.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use midstride_osr::Module;
use midstride_osr::statemap::{Frame, FunctionNames, ImageHead, Value};
use serde_json::{Value as Json, json};

use super::checkpoint::newest;
use super::print::{print, say};
use super::program::{module_of, open};

/// Prints it.
pub(crate) fn inspect(image: &Path, module: Option<PathBuf>, json: bool) -> Result<ExitCode> {
    let file = if image.is_dir() { newest(image)? } else { open(image)? };
    let module = module_of(&file, module)?;
    let text =
        if json { format!("{:#}\n", as_json(&module, file.head())) } else { as_text(&module, file.head())? };
    print(text)?;
    if let Err(error) = file.verify() {
        say(error);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn as_text(module: &Module, head: &ImageHead) -> Result<String, std::fmt::Error> {
    let state = &head.state;
    let mut text = state.backtrace(module).to_string();
    for (index, global) in state.globals.iter().enumerate() {
        writeln!(text, "global {index}: {}", global.value)?;
    }
    for (index, table) in state.tables.iter().enumerate() {
        let there = table.elements.iter().filter(|element| element.bits() != 0).count();
        writeln!(text, "table {index}: {} elements of {}, {there} not null", table.elements.len(), table.ty)?;
    }
    for (index, (memory, runs)) in state.memories.iter().zip(&head.runs).enumerate() {
        let stored: u64 = runs.iter().map(|run| run.range.bytes()).sum();
        writeln!(text, "memory {index}: {} pages, {stored} bytes stored", memory.wasm_pages())?;
    }
    text += &dropped("data", &state.dropped_data);
    text += &dropped("element", &state.dropped_elements);
    for part in &state.host {
        writeln!(text, "host {}: {} bytes", part.name, part.bytes.len())?;
    }
    Ok(text)
}

/// Segments that are gone; programs have them by the ten thousands, one behind the other.
fn dropped(what: &str, segments: &[u32]) -> String {
    let line = |run: &[u32]| match run {
        [first, .., last] => format!("{what} segments {first} to {last}: dropped\n"),
        one => one.iter().map(|one| format!("{what} segment {one}: dropped\n")).collect(),
    };
    segments.chunk_by(|one, next| one.checked_add(1) == Some(*next)).map(line).collect()
}

fn as_json(module: &Module, head: &ImageHead) -> Json {
    let state = &head.state;
    let frames: Vec<Json> = state.frames().rev().map(|one| frame(module, one)).collect();
    let tables = state
        .tables
        .iter()
        .map(|table| json!({ "type": table.ty.name(), "elements": values(&table.elements) }));
    let memories = state.memories.iter().zip(&head.runs).map(|(memory, runs)| {
        let stored: u64 = runs.iter().map(|run| run.range.bytes()).sum();
        json!({ "pages": memory.wasm_pages(), "maximum": memory.maximum, "stored_bytes": stored })
    });
    let hash: String = head.module.iter().map(|byte| format!("{byte:02x}")).collect();
    let host: Vec<Json> =
        state.host.iter().map(|part| json!({ "name": part.name, "bytes": part.bytes.len() })).collect();
    json!({
        "version": head.version,
        "module": hash,
        "frames": frames,
        "globals": state.globals.iter().map(|global| value(&global.value)).collect::<Vec<_>>(),
        "tables": tables.collect::<Vec<_>>(),
        "memories": memories.collect::<Vec<_>>(),
        "dropped_data": state.dropped_data,
        "dropped_elements": state.dropped_elements,
        "host": host,
    })
}

fn frame(module: &Module, frame: &Frame) -> Json {
    json!({
        "function": frame.function,
        "name": module.name(frame.function),
        "wasm_offset": frame.wasm_offset,
        "phase": frame.phase.name(),
        "locals": values(&frame.locals),
        "operands": values(&frame.operands),
    })
}

fn values(all: &[Value]) -> Vec<Json> {
    all.iter().map(value).collect()
}

/// Type, and the value as text: JSON has no integers of 64 bits and no NaN.
fn value(value: &Value) -> Json {
    let text = value.to_string();
    let (ty, digits) = text.split_once(':').unwrap_or_default();
    json!({ "type": ty, "value": digits })
}
