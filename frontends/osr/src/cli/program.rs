//! Programs: made, or made again of images.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use midstride_osr::{
    Config, Engine, ExternType, Frozen, Func, ImageFile, Instance, Linker, Module, Outcome, PageCheck, Polls,
    Trap, Val, ValType, WasiCtx,
};
use midstride_wasi::{Builder, DirAccess, MODULE, Streams};

use super::times::timed;
use super::{ProgramArgs, read};

/// The name under which images say where their module is.
const OWN_STATE: &str = "midwasm";

/// So many functions are named where another one was asked for.
const NAMED: usize = 10;

/// A program that can be run.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) instance: Instance,
    pub(crate) wasi: WasiCtx,
    path: PathBuf,
    /// Processor time.
    pub(crate) compile: Duration,
}

/// How a program starts or goes on.
#[derive(Debug)]
pub(crate) enum Start {
    Call(Func, Vec<Val>),
    Resume(Frozen),
}

impl Start {
    pub(crate) fn run(self) -> Result<Outcome, Trap> {
        match self {
            Self::Call(func, params) => func.run(&params),
            Self::Resume(frozen) => frozen.resume(),
        }
    }
}

fn load(path: &Path, polls: Polls) -> Result<(Module, Duration)> {
    let engine = Engine::new(Config { polls, ..Config::default() })?;
    let wasm = read(path)?;
    let (module, time) = timed(|| Module::from_vec(&engine, wasm));
    Ok((module.with_context(|| path.display().to_string())?, time))
}

impl Program {
    /// A new one.
    pub(crate) fn new(args: &ProgramArgs) -> Result<(Self, Start)> {
        let (module, compile) = load(&args.module, args.polls.into())?;
        let wasi = WasiCtx::new(host(args)?.build()?);
        let mut linker = Linker::new();
        wasi.add_to_linker(&mut linker);
        let instance = linker.instantiate(&module)?;
        initialize(&instance)?;
        interruptible(&wasi, &instance);
        let name = args.invoke.as_deref().unwrap_or("_start");
        let func = instance.get_func(name).ok_or_else(|| no_function(name, &module))?;
        let params = if args.invoke.is_some() { parse_args(&func, &args.args)? } else { Vec::new() };
        // A pipe has no name that could be kept.
        let path = args.module.canonicalize().or_else(|_| std::path::absolute(&args.module))?;
        Ok((Self { instance, wasi, path, compile }, Start::Call(func, params)))
    }

    /// One that was frozen.
    pub(crate) fn thaw(file: &ImageFile, module: Option<PathBuf>, check: PageCheck) -> Result<(Self, Start)> {
        let path = module_path(file, module)?;
        let (module, compile) = load(&path, Polls::default())?;
        let state = file.head().state.host.iter().find(|part| part.name == MODULE);
        let wasi = match state {
            Some(part) => midstride_wasi::Frozen::from_bytes(&part.bytes)?.thaw(Streams::default())?,
            None => Builder::new().inherit_stdio().build()?,
        };
        let wasi = WasiCtx::new(wasi);
        let mut linker = Linker::new();
        wasi.add_to_linker(&mut linker);
        let frozen = linker.thaw_file(&module, file, check)?;
        let instance = frozen.instance().clone();
        interruptible(&wasi, &instance);
        Ok((Self { instance, wasi, path, compile }, Start::Resume(frozen)))
    }

    /// Adds what is needed to go on elsewhere.
    pub(crate) fn complete(&self, frozen: &mut Frozen) -> Result<()> {
        self.wasi.with(|wasi| wasi.interrupt().clear());
        self.wasi.freeze_into(frozen)?;
        let path = self.path.to_str().ok_or_else(|| anyhow!("{} is not text", self.path.display()))?;
        frozen.set_host_state(OWN_STATE, path.as_bytes().to_vec());
        Ok(())
    }
}

/// Has a library of functions ("reactor") make itself ready, before any of them is called.
fn initialize(instance: &Instance) -> Result<()> {
    match instance.get_func("_initialize") {
        Some(func) => func.call(&[]).map(drop).context("_initialize"),
        None => Ok(()),
    }
}

/// Makes calls that wait return when somebody freezes the instance.
fn interruptible(wasi: &WasiCtx, instance: &Instance) {
    let interrupt = wasi.with(|wasi| wasi.interrupt());
    instance.freeze_handle().on_freeze(move || interrupt.raise());
}

/// An image in a file.
pub(crate) fn open(image: &Path) -> Result<ImageFile> {
    ImageFile::open(image).with_context(|| image.display().to_string())
}

/// Where the module of an image is.
pub(crate) fn module_path(file: &ImageFile, given: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(path) = given {
        return Ok(path);
    }
    let part = file.head().state.host.iter().find(|part| part.name == OWN_STATE);
    let path = part.and_then(|part| Some(PathBuf::from(std::str::from_utf8(&part.bytes).ok()?)));
    match path {
        Some(path) if path.exists() => Ok(path),
        Some(path) => bail!("the image's module is no longer at {}: give --module", path.display()),
        None => bail!("the image does not say where its module is: give --module"),
    }
}

/// The module of an image, checked.
pub(crate) fn module_of(file: &ImageFile, given: Option<PathBuf>) -> Result<Module> {
    let (module, _) = load(&module_path(file, given)?, Polls::default())?;
    file.head().expect_module(module.hash())?;
    Ok(module)
}

fn host(args: &ProgramArgs) -> Result<Builder> {
    let program = args.module.file_name().unwrap_or_default().to_owned();
    // Functions that are called by name have their arguments themselves.
    let own = if args.invoke.is_some() { &[] } else { &args.args[..] };
    let all = std::iter::once(&program).chain(own);
    let mut builder = Builder::new().inherit_stdio().args(all.map(|arg| arg.as_bytes()));
    for variable in &args.env {
        builder = match variable.split_once('=') {
            Some((name, value)) => builder.env(name, value),
            None => builder.env(variable, std::env::var(variable).with_context(|| variable.clone())?),
        };
    }
    for dir in &args.dir {
        let (host, guest) = dir.split_once("::").unwrap_or((dir, dir));
        builder = builder.preopened_dir(host, guest, DirAccess::ReadWrite)?;
    }
    Ok(builder)
}

/// Says which functions there are.
fn no_function(name: &str, module: &Module) -> anyhow::Error {
    let is_function = |ty: &ExternType| matches!(ty, ExternType::Func(_));
    let mut names: Vec<&str> =
        module.exports().filter(|(_, ty)| is_function(ty)).map(|(name, _)| name).collect();
    let more = if names.len() > NAMED { " and more" } else { "" };
    names.truncate(NAMED);
    match &*names {
        [] => anyhow!("there is no function `{name}`: the module exports none"),
        names => anyhow!("there is no function `{name}`: --invoke can call {}{more}", names.join(", ")),
    }
}

fn parse_args(func: &Func, args: &[OsString]) -> Result<Vec<Val>> {
    let ty = func.ty();
    let types = ty.params();
    if types.len() != args.len() {
        let listed: Vec<String> = types.iter().map(ToString::to_string).collect();
        bail!("{} arguments wanted ({}), {} given", types.len(), listed.join(" "), args.len());
    }
    types.iter().zip(args).map(|(&ty, arg)| parse_arg(ty, &arg.to_string_lossy())).collect()
}

/// A number of so many bits, with a sign or without, in decimal or hexadecimal digits; nothing if it is none.
fn parse_integer(bits: u32, arg: &str) -> Option<i64> {
    let (negative, digits) = arg.strip_prefix('-').map_or((false, arg), |rest| (true, rest));
    let (radix, digits) = digits.strip_prefix("0x").map_or((10, digits), |rest| (16, rest));
    let size = u64::from_str_radix(digits, radix).ok()?;
    let value = if negative { -i128::from(size) } else { i128::from(size) };
    let range = -(1 << (bits - 1))..1i128 << bits;
    range.contains(&value).then_some(value as i64)
}

fn parse_arg(ty: ValType, arg: &str) -> Result<Val> {
    let wrong = || format!("`{arg}` is no {ty}");
    let integer = |bits| parse_integer(bits, arg).with_context(wrong);
    Ok(match ty {
        ValType::I32 => Val::I32(integer(32)? as i32),
        ValType::I64 => Val::I64(integer(64)?),
        ValType::F32 => Val::from(arg.parse::<f32>().with_context(wrong)?),
        ValType::F64 => Val::from(arg.parse::<f64>().with_context(wrong)?),
        ty => bail!("no {ty} can be given on the command line"),
    })
}
