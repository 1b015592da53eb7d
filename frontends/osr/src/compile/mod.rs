//! The baseline tier: one pass over the operators of a function, no intermediate form.

mod args;
mod body;
mod branch;
mod call;
mod control;
mod convert;
mod float;
mod frame;
mod function;
mod int;
mod memory;
mod pins;
mod regs;
mod results;
mod scan;
mod simd;
pub(crate) mod sites;
mod stack;
mod thunks;
mod values;
mod vars;
mod visit;

use midstride_addr::CachePc;
use midstride_asm::{EmitError, Writer};
use midstride_statemap::{FunctionEntry, ModuleMapBuilder};
use wasmparser::{
    BinaryReader, FuncToValidate, FuncValidator, FuncValidatorAllocations, FunctionBody, ValidatorResources,
};

pub(crate) use frame::Frame;
pub(crate) use function::LoopStart;
pub(crate) use pins::{Arrival, arrivals};
pub(crate) use regs::{ARG_GPRS, ARG_XMMS, PIN_GPRS, PIN_XMMS};

use crate::code::CodeBuffer;
use crate::engine::Polls;
use crate::error::ModuleError;
use crate::info::ModuleInfo;
use crate::parse::Pending;
use crate::runtime::layout::VmLayout;
use crate::types::ValType;
use body::{SizeFields, direct_call};
use function::{CallFixup, Callee, Function, Spare};
use pins::PinSet;
use regs::RegSet;
use scan::Scan;
use sites::Sites;
pub(crate) use thunks::{SKIPPED, ThunkOffsets};

/// A module's code and what is known of it; the code is the same wherever it lies, at a multiple of
/// [`CODE_ALIGNMENT`].
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) code: CodeBuffer,
    /// Bytes of it.
    pub(crate) len: usize,
    pub(crate) thunks: ThunkOffsets,
    /// Of each function defined in the module, where it starts.
    pub(crate) starts: Vec<u32>,
    /// A `midstride_statemap::ModuleMap`.
    pub(crate) map: Vec<u8>,
    /// Of each function defined in the module.
    pub(crate) frames: Vec<Frame>,
    /// Where code that is stepped can be stopped, ascending.
    pub(crate) loop_starts: Vec<LoopStart>,
}

impl Compiled {
    /// The thunks, with room for so many functions.
    fn with_thunks(mut code: CodeBuffer, functions: usize, polls: Polls) -> Result<Self, ModuleError> {
        let unwritable = |source| ModuleError::Emit { func: 0, source };
        let (thunks, len) = thunks::write(code.bytes()?, polls).map_err(unwritable)?;
        Ok(Self {
            code,
            len,
            thunks,
            starts: Vec::with_capacity(functions),
            map: Vec::new(),
            frames: Vec::with_capacity(functions),
            loop_starts: Vec::new(),
        })
    }
}

/// An operator at which a frame can be continued: all values are at home when it starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ResumeAt {
    pub(crate) func: u32,
    /// Offset in the module.
    pub(crate) wasm: u32,
}

/// How a module is to be compiled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) polls: Polls,
    /// Where else a frame can be continued.
    pub(crate) resume_at: Option<ResumeAt>,
}

/// What is used again from function to function.
struct Session<'m> {
    wasm: &'m [u8],
    info: &'m ModuleInfo,
    layout: &'m VmLayout,
    out: Compiled,
    maps: ModuleMapBuilder,
    /// Calls of functions that are not placed yet.
    fixups: Vec<CallFixup>,
    allocations: FuncValidatorAllocations,
    scan: Scan,
    wanted: Wanted,
    spare: Spare<'m>,
    /// Whether any function may meet vectors: in globals, or as results of one it calls.
    vectors: bool,
    /// Of the function at hand.
    sites: Sites,
    function_fixups: Vec<CallFixup>,
    function_loops: Vec<LoopStart>,
}

/// A function behind the end of the code.
struct Written {
    bytes: usize,
    fields: SizeFields,
    frame_bytes: i32,
}

/// Bytes of code expected for a byte of WebAssembly, at most; where it is more, there is a second try.
const GROWTH: usize = 24;
/// Bytes of code expected for a byte of WebAssembly in all.
const USUAL_GROWTH: usize = 4;
/// Code bytes that every function may have.
const LEAST: usize = 4096;
/// Functions start at multiples of this, which is a line of the caches: what stands behind one, the cold code
/// of its polls above all, does not change how the next one's lies in them.
pub(crate) const CODE_ALIGNMENT: usize = 64;

/// Validates and compiles all functions of a module.
pub(crate) fn compile(
    wasm: &[u8],
    info: &ModuleInfo,
    layout: &VmLayout,
    pending: Vec<Pending<'_>>,
    wanted: Wanted,
) -> Result<Compiled, ModuleError> {
    let mut session = Session::new(wasm, info, layout, &pending, wanted)?;
    for (func, body) in pending {
        session.function(func, &body)?;
    }
    session.finish()
}

/// Bytes of the functions' bodies.
fn bodies(pending: &[Pending<'_>]) -> impl Iterator<Item = usize> {
    pending.iter().map(|(_, body)| body.range().count())
}

/// Bytes of code that there may be, with room for the last function.
fn expected(pending: &[Pending<'_>]) -> usize {
    let usual = bodies(pending).sum::<usize>().saturating_mul(USUAL_GROWTH);
    let largest = bodies(pending).max().unwrap_or(0).saturating_mul(GROWTH);
    usual.saturating_add(largest).saturating_add(2 * LEAST)
}

impl<'m> Session<'m> {
    /// With the thunks written.
    fn new(
        wasm: &'m [u8],
        info: &'m ModuleInfo,
        layout: &'m VmLayout,
        pending: &[Pending<'_>],
        wanted: Wanted,
    ) -> Result<Self, ModuleError> {
        let code = CodeBuffer::new(expected(pending))?;
        let maps = ModuleMapBuilder::with_room(pending.len(), bodies(pending).sum::<usize>() / 4 * 3);
        Ok(Self {
            wasm,
            info,
            layout,
            out: Compiled::with_thunks(code, pending.len(), wanted.polls)?,
            maps,
            fixups: Vec::new(),
            allocations: FuncValidatorAllocations::default(),
            scan: Scan::default(),
            wanted,
            spare: Spare::default(),
            vectors: has_vectors(info),
            sites: Sites::default(),
            function_fixups: Vec::new(),
            function_loops: Vec::new(),
        })
    }

    fn function(
        &mut self,
        func: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
    ) -> Result<(), ModuleError> {
        let index = func.index;
        let mut room = LEAST + body.range().count() * GROWTH;
        loop {
            let allocations = std::mem::take(&mut self.allocations);
            let mut validator = again(&func).into_validator(allocations);
            let written = self.attempt(index, body, &mut validator, room);
            self.allocations = validator.into_allocations();
            match written? {
                Ok(written) => {
                    let body = body.range().start as u32;
                    return self.place(index, body, written);
                }
                Err(EmitError::Full { .. }) if room < usize::MAX / 4 => room *= 4,
                Err(source) => return Err(ModuleError::Emit { func: index, source }),
            }
        }
    }

    /// Compiles a function behind the end of the code; the inner error is the writer's.
    fn attempt(
        &mut self,
        index: u32,
        body: &FunctionBody<'_>,
        validator: &mut FuncValidator<ValidatorResources>,
        room: usize,
    ) -> Result<Result<Written, EmitError>, ModuleError> {
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader)?;
        let mut spare = std::mem::take(&mut self.spare);
        read_locals(validator, &mut spare.locals);
        let at = reader.original_position() as usize..body.range().end as usize;
        self.scan = scan::scan(&self.wasm[at.clone()], spare.locals.len(), std::mem::take(&mut self.scan));
        if let Some(odd) = self.scan.odd_memory {
            let offset = (at.start + odd) as u64;
            return Err(ModuleError::Invalid { offset, reason: "zero byte expected".to_owned() });
        }
        let ty = self.info.func_type(index);
        let mut function = self.open(index, body, spare, room)?;
        let fields = function.begin(ty.params(), ty.results(), at.len());
        go_through(&mut function, reader, validator)?;
        function.finish();
        let frame = function.frame;
        let frame_bytes = frame.bytes(function.stack.highest(), function.outgoing);
        let (written, spare) = function.close();
        self.spare = spare;
        self.out.frames.truncate(self.out.starts.len());
        self.out.frames.push(frame);
        Ok(written.map(|bytes| Written { bytes, fields, frame_bytes }))
    }

    /// A function of which nothing is written yet.
    fn open(
        &mut self,
        index: u32,
        body: &FunctionBody<'_>,
        mut spare: Spare<'m>,
        room: usize,
    ) -> Result<Function<'m, '_>, ModuleError> {
        let ty = self.info.func_type(index);
        let start = self.out.len.next_multiple_of(CODE_ALIGNMENT);
        if self.out.code.room() < start + room {
            self.out.code.grow(start + room)?;
        }
        self.function_fixups.clear();
        self.function_loops.clear();
        let Spare { locals, pins, .. } = &mut spare;
        self.sites.start(body.range().start as u32, ty.params().len(), locals);
        pins.choose(locals, ty.params().len(), &self.scan.weights);
        let typed = [&**locals, ty.params(), ty.results()];
        let vectors =
            self.vectors || self.scan.vectors || typed.iter().any(|types| types.contains(&ValType::V128));
        Ok(Function {
            w: Writer::new(&mut self.out.code.bytes()?[start..start + room], CachePc::new(0)),
            info: self.info,
            layout: self.layout,
            frame: Frame::new(spare.locals.len() as u32, vectors),
            free: RegSet::operand_gprs(spare.pins.gprs()),
            free_x: RegSet::operand_xmms(spare.pins.xmms()),
            locals: spare.locals,
            pins: spare.pins,
            valid: PinSet::EMPTY,
            dirty: PinSet::EMPTY,
            stack: spare.stack,
            settled: 0,
            aliases: 0,
            controls: spare.controls,
            reachable: true,
            zero_flag: None,
            flags: false,
            is_written: false,
            outgoing: 0,
            wasm: self.wasm,
            at: body.range().start as u32,
            sites: &mut self.sites,
            fixups: &mut self.function_fixups,
            cold: spare.cold,
            loop_starts: &mut self.function_loops,
            constants: spare.constants,
            loops: &self.scan.loops,
            polls: self.wanted.polls,
            resume_at: self.wanted.resume_at.filter(|at| at.func == index).map_or(u32::MAX, |at| at.wasm),
        })
    }

    /// Keeps the function that was written behind those so far.
    fn place(&mut self, function: u32, body_offset: u32, written: Written) -> Result<(), ModuleError> {
        let Written { bytes: len, fields, frame_bytes } = written;
        let refused = |source| ModuleError::Map { func: function, source };
        self.sites.finish().map_err(refused)?;
        let start = self.out.len.next_multiple_of(CODE_ALIGNMENT);
        let code = self.out.code.bytes()?;
        code[self.out.len..start].fill(0xcc);
        fields.fill(&mut code[start..start + len], frame_bytes);
        self.out.len = start + len;
        let start = start as u32;
        self.out.starts.push(start);
        let entry = FunctionEntry { function, code_start: start, code_end: start + len as u32, body_offset };
        self.maps.push(entry, &mut self.sites.builder, frame_bytes.cast_unsigned()).map_err(refused)?;
        self.out.loop_starts.extend(self.function_loops.iter().map(|known| known.moved(start)));
        self.direct_calls(start)
    }

    /// Directs the calls of the function at `start` that lead to code which is there.
    fn direct_calls(&mut self, start: u32) -> Result<(), ModuleError> {
        let Compiled { code, starts, thunks, .. } = &mut self.out;
        let code = code.bytes()?;
        for fixup in &self.function_fixups {
            let fixup = CallFixup { field: fixup.field + start, ..*fixup };
            let target = match fixup.target {
                Callee::Func(func) => starts.get((func - self.info.imported_funcs) as usize).copied(),
                Callee::Runtime => Some(thunks.runtime),
                Callee::Foreign => Some(thunks.foreign),
            };
            match target {
                Some(target) => direct_call(code, fixup, target),
                None => self.fixups.push(fixup),
            }
        }
        Ok(())
    }

    /// All functions are placed.
    fn finish(mut self) -> Result<Compiled, ModuleError> {
        self.out.map = std::mem::take(&mut self.maps).finish();
        self.function_fixups = std::mem::take(&mut self.fixups);
        self.direct_calls(0)?;
        Ok(self.out)
    }
}

/// Judges and writes all operators of a body.
fn go_through(
    function: &mut Function<'_, '_>,
    mut reader: BinaryReader<'_>,
    validator: &mut FuncValidator<ValidatorResources>,
) -> Result<(), ModuleError> {
    while !reader.eof() {
        let at = reader.original_position();
        let mut visitor = visit::Visitor { function, validator, at };
        reader.visit_operator(&mut visitor)??;
    }
    Ok(reader.finish_expression(&validator.visitor(reader.original_position()))?)
}

/// The same function to be validated, for one more try.
fn again(func: &FuncToValidate<ValidatorResources>) -> FuncToValidate<ValidatorResources> {
    FuncToValidate { resources: func.resources.clone(), ..*func }
}

/// Whether functions may have vectors without having an operator or a local for them.
fn has_vectors(info: &ModuleInfo) -> bool {
    info.globals.iter().any(|global| global.ty.content == ValType::V128)
        || info.types.iter().any(|ty| ty.results().contains(&ValType::V128))
}

/// Reads the types of all locals, parameters first.
fn read_locals(validator: &FuncValidator<ValidatorResources>, locals: &mut Vec<ValType>) {
    let types = (0..validator.len_locals()).map_while(|local| validator.get_local_type(local));
    locals.clear();
    locals.extend(types.filter_map(|ty| ValType::read(ty).ok()));
}
