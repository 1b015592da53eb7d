//! Modules: validated, compiled, placed.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use midstride_addr::CachePc;
use midstride_statemap::{CompactMap, FunctionEntry, FunctionNames, ModuleHash, ModuleMap};
use sha2::{Digest, Sha256};

use crate::code::CodeMemory;
use crate::compile::{Compiled, ResumeAt, ThunkOffsets, Wanted, compile};
use crate::engine::{Engine, Polls};
use crate::error::ModuleError;
use crate::info::{Item, ModuleInfo};
use crate::parse::parse;
use crate::runtime::code::Steps;
use crate::runtime::layout::VmLayout;
use crate::types::ExternType;

/// A module that can be instantiated any number of times, in any thread.
///
/// Clones are the same module.
#[derive(Clone, Debug)]
pub struct Module(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    wasm: Vec<u8>,
    info: ModuleInfo,
    layout: VmLayout,
    starts: Arc<[u32]>,
    map: Vec<u8>,
    frames: Vec<crate::compile::Frame>,
    hash: OnceLock<ModuleHash>,
    thunks: ThunkOffsets,
    code: CodeMemory,
    engine: Engine,
}

/// What binary modules start with.
const MAGIC: &[u8] = b"\0asm";

impl Module {
    /// A module from its binary or text form.
    ///
    /// # Errors
    /// [`ModuleError`]; nothing is left behind.
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Self, ModuleError> {
        Self::compile(engine, binary(bytes.as_ref())?, None)
    }

    /// A module from its binary or text form, which it keeps: it does without a copy of the binary form.
    ///
    /// # Errors
    /// [`ModuleError`]; nothing is left behind.
    pub fn from_vec(engine: &Engine, bytes: Vec<u8>) -> Result<Self, ModuleError> {
        let wasm = match binary(&bytes)? {
            Cow::Owned(wasm) => wasm,
            Cow::Borrowed(_) => bytes,
        };
        Self::compile(engine, wasm.into(), None)
    }

    /// A module from its binary form.
    ///
    /// # Errors
    /// [`ModuleError`]; nothing is left behind.
    pub fn from_binary(engine: &Engine, wasm: &[u8]) -> Result<Self, ModuleError> {
        Self::compile(engine, wasm.into(), None)
    }

    /// The same module compiled so that a frame can be continued at an operator.
    pub(crate) fn resumable(&self, at: ResumeAt) -> Result<Self, ModuleError> {
        Self::compile(self.engine(), self.wasm().into(), Some(at))
    }

    fn compile(
        engine: &Engine,
        wasm: Cow<'_, [u8]>,
        resume_at: Option<ResumeAt>,
    ) -> Result<Self, ModuleError> {
        let (info, pending) = parse(&wasm)?;
        let layout = VmLayout::new(&info);
        let compiled =
            compile(&wasm, &info, &layout, pending, Wanted { polls: engine.config().polls, resume_at })?;
        let Compiled { code, len, thunks, starts, map, frames, loop_starts } = compiled;
        let stepped = engine.config().polls == Polls::Stepped;
        let starts: Arc<[u32]> = starts.into();
        let steps = stepped.then(|| Box::new(Steps::new(loop_starts, starts.clone(), thunks.asks)));
        let code = code.publish(len, steps);
        let (wasm, engine, hash) = (wasm.into_owned(), engine.clone(), OnceLock::new());
        Ok(Self(Arc::new(Inner { wasm, info, layout, starts, map, frames, hash, thunks, code, engine })))
    }

    /// SHA-256 of its binary form: what images know it by.
    #[must_use]
    pub fn hash(&self) -> &ModuleHash {
        self.0.hash.get_or_init(|| Sha256::digest(&self.0.wasm).into())
    }

    /// Judges a module without compiling it.
    ///
    /// # Errors
    /// [`ModuleError::Invalid`], [`ModuleError::Unsupported`].
    pub fn validate(bytes: impl AsRef<[u8]>) -> Result<(), ModuleError> {
        let wasm = binary(bytes.as_ref())?;
        let (_, pending) = parse(&wasm)?;
        for (func, body) in pending {
            func.into_validator(wasmparser::FuncValidatorAllocations::default()).validate(&body)?;
        }
        Ok(())
    }

    /// Its imports: module, name, type.
    pub fn imports(&self) -> impl Iterator<Item = (&str, &str, ExternType)> {
        let info = self.info();
        info.imports.iter().map(|import| (&*import.module, &*import.name, info.item_type(import.item)))
    }

    /// Its exports: name, type.
    pub fn exports(&self) -> impl Iterator<Item = (&str, ExternType)> {
        let info = self.info();
        info.exports.iter().map(|(name, item)| (&**name, info.item_type(*item)))
    }

    /// The index of the function that is exported by a name.
    #[must_use]
    pub fn exported_function(&self, name: &str) -> Option<u32> {
        match self.export(name)? {
            Item::Func(function) => Some(function),
            _ => None,
        }
    }

    /// The machine code of a function with a body, counted among those; calls in it lead to where the callees
    /// are in the module's code.
    #[must_use]
    pub fn code(&self, defined: usize) -> Option<Vec<u8>> {
        let (entry, _) = self.code_map(defined)?;
        let mut bytes = vec![0; (entry.code_end - entry.code_start) as usize];
        self.0.code.read(entry.code_start, &mut bytes)?;
        Some(bytes)
    }

    /// Where that code lies in the module's code, and what is known of the values in it: at entries, loops and
    /// the return addresses of calls, and one byte into each instruction that may trap.
    #[must_use]
    pub fn code_map(&self, defined: usize) -> Option<(FunctionEntry, CompactMap<'_>)> {
        self.map().function(self.info().imported_funcs + u32::try_from(defined).ok()?).ok()?
    }

    /// Bytes of its machine code, and of the map that describes the code's states.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize) {
        (self.0.code.range().len() as usize, self.0.map.len() + self.0.code.table_bytes())
    }

    /// The engine it was made for.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn info(&self) -> &ModuleInfo {
        &self.0.info
    }

    pub(crate) fn layout(&self) -> &VmLayout {
        &self.0.layout
    }

    pub(crate) fn wasm(&self) -> &[u8] {
        &self.0.wasm
    }

    /// The map of its code. Every frame that is read asks for it.
    pub(crate) fn map(&self) -> ModuleMap<'_> {
        ModuleMap::parse_again(&self.0.map).expect("the compiler has just written it")
    }

    pub(crate) fn thunks(&self) -> ThunkOffsets {
        self.0.thunks
    }

    pub(crate) fn export(&self, name: &str) -> Option<Item> {
        self.info().exports.iter().find(|(known, _)| known == name).map(|(_, item)| *item)
    }

    /// The address of something in its code.
    pub(crate) fn address(&self, offset: u32) -> u64 {
        self.0.code.range().start().get() + u64::from(offset)
    }

    /// The offset in its code of an address.
    pub(crate) fn offset(&self, address: u64) -> Option<u32> {
        let range = self.0.code.range();
        range.contains(CachePc::new(address)).then(|| (address - range.start().get()) as u32)
    }

    /// The address of a function with a body.
    pub(crate) fn func_address(&self, func: u32) -> u64 {
        self.address(self.0.starts[(func - self.info().imported_funcs) as usize])
    }

    /// The frame of a function with a body.
    pub(crate) fn frame(&self, func: u32) -> crate::compile::Frame {
        self.0.frames[(func - self.info().imported_funcs) as usize]
    }
}

/// The binary form of a module in either form.
fn binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>, ModuleError> {
    if !bytes.starts_with(MAGIC) && str::from_utf8(bytes).is_err() {
        let reason = "it is neither a binary, which starts with \\0asm, nor text".to_owned();
        return Err(ModuleError::Invalid { offset: 0, reason });
    }
    wat::parse_bytes(bytes).map_err(ModuleError::Text)
}

/// Names of functions, for backtraces.
impl FunctionNames for &Module {
    fn name(&self, function: u32) -> Option<&str> {
        self.info().func_name(function)
    }
}
