//! What a module became: its functions, and the machine code of one.

use std::fmt::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use iced_x86::{Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter};
use midstride_osr::statemap::{CompactMap, FunctionEntry, FunctionNames, Phase, SiteState};
use midstride_osr::{Config, Engine, Module};
use serde::Serialize;

use super::print::print;
use super::read;

/// A function with a body.
#[derive(Serialize)]
struct Function {
    /// Its index in the module.
    function: u32,
    name: Option<String>,
    /// Offset of its body in the module.
    wasm: u32,
    /// Offset of its code in the module's code.
    code: u32,
    bytes: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    instructions: Vec<Row>,
}

/// An instruction.
#[derive(Serialize)]
struct Row {
    /// Offset in the module of the operator, where the maps know it.
    wasm: Option<u32>,
    /// As what they know it.
    site: Option<&'static str>,
    /// Offset in the function's code.
    code: u32,
    bytes: String,
    text: String,
}

/// Prints the functions of a module, or the code of one.
pub(crate) fn show(path: &Path, function: Option<&str>, json: bool) -> Result<ExitCode> {
    let module = Module::new(&Engine::new(Config::default())?, read(path)?)
        .with_context(|| path.display().to_string())?;
    let mut functions: Vec<Function> =
        (0..).map_while(|defined| Some(head(&module, &module.code_map(defined)?.0))).collect();
    if let Some(wanted) = function {
        let defined = find(&module, &functions, wanted)?;
        let instructions = rows(&module, defined, &functions);
        functions = vec![Function { instructions, ..functions.swap_remove(defined) }];
    }
    let text = if json { format!("{}\n", serde_json::to_string(&functions)?) } else { as_text(&functions)? };
    print(text)?;
    Ok(ExitCode::SUCCESS)
}

fn head(module: &Module, entry: &FunctionEntry) -> Function {
    let &FunctionEntry { function, code_start: code, code_end, body_offset: wasm } = entry;
    let name = module.name(function).map(str::to_owned);
    Function { function, name, wasm, code, bytes: code_end - code, instructions: Vec::new() }
}

/// The place of the function with this index, or else this name, or else exported by it.
fn find(module: &Module, functions: &[Function], wanted: &str) -> Result<usize> {
    let with_index = |index: u32| functions.iter().position(|known| known.function == index);
    let by_index = wanted.parse().ok().and_then(with_index);
    let by_name = || functions.iter().position(|known| known.name.as_deref() == Some(wanted));
    let by_export = || module.exported_function(wanted).and_then(with_index);
    by_index
        .or_else(by_name)
        .or_else(by_export)
        .ok_or_else(|| anyhow!("no function with a body is called {wanted}"))
}

fn rows(module: &Module, defined: usize, functions: &[Function]) -> Vec<Row> {
    let (Some(code), Some((entry, map))) = (module.code(defined), module.code_map(defined)) else {
        return Vec::new();
    };
    let mut formatter = IntelFormatter::new();
    let mut row = |instruction: Instruction| {
        let site = site(&map, &instruction);
        let (start, end) = (instruction.ip() as usize, instruction.next_ip() as usize);
        let bytes: Vec<String> = code[start..end].iter().map(|byte| format!("{byte:02x}")).collect();
        let mut text = String::new();
        match called(functions, entry.code_start, &instruction) {
            Some(callee) => text = format!("call {callee}"),
            None => formatter.format(&instruction, &mut text),
        }
        Row {
            wasm: site.map(|(wasm, _)| entry.body_offset + wasm),
            site: site.map(|(_, phase)| phase.name()),
            code: start as u32,
            bytes: bytes.join(" "),
            text,
        }
    };
    Decoder::with_ip(64, &code, 0, DecoderOptions::NONE).iter().map(&mut row).collect()
}

/// What the maps say of an instruction: of its start for entries and loops, of its inside for what may trap, of
/// its end for calls.
fn site(map: &CompactMap<'_>, instruction: &Instruction) -> Option<(u32, Phase)> {
    let (start, end) = (instruction.ip() as u32, instruction.next_ip() as u32);
    let calls = instruction.is_call_near() || instruction.is_call_near_indirect();
    let mut state = SiteState::default();
    let mut at = |offset: u32, phases: &[Phase]| {
        let site = map.find_code(offset, &mut state).ok()??;
        phases.contains(&site.phase).then_some((site.wasm_offset, site.phase))
    };
    let begins = at(start, &[Phase::Entry, Phase::Loop]);
    let ends = || if calls { at(end, &[Phase::Call, Phase::Trap]) } else { None };
    begins.or_else(ends).or_else(|| if end > start + 1 { at(start + 1, &[Phase::Trap]) } else { None })
}

/// Who is called directly.
fn called(functions: &[Function], code_start: u32, instruction: &Instruction) -> Option<String> {
    let target = instruction.is_call_near().then(|| instruction.near_branch_target() as u32)?;
    let target = target.wrapping_add(code_start);
    Some(match functions.iter().find(|known| known.code == target) {
        Some(callee) => callee.to_string(),
        None => "the runtime".to_owned(),
    })
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} (function {})", self.function),
            None => write!(f, "function {}", self.function),
        }
    }
}

fn as_text(functions: &[Function]) -> Result<String, fmt::Error> {
    let mut text = String::new();
    for function in functions {
        writeln!(text, "{function}: body at {:#x}, {} bytes of code", function.wasm, function.bytes)?;
        for Row { wasm, site, code, bytes, text: instruction } in &function.instructions {
            let wasm = wasm.map_or_else(String::new, |wasm| format!("{wasm:#x}"));
            writeln!(text, "{wasm:>9} {:5} {code:04x}: {bytes:<30} {instruction}", site.unwrap_or(""))?;
        }
    }
    Ok(text)
}
