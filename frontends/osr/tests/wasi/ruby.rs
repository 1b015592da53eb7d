//! A module of sixteen megabytes: Ruby's interpreter, as the npm registry has it, against the same in node.
//!
//! Where there is no npm or node the tests say `NOT RUN`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::Duration;

use midstride_osr::{
    Engine, ExternType, Frozen, Func, Image, Instance, Linker, Module, Outcome, Val, WasiCtx,
};
use midstride_wasi::{Builder, MemoryPipe, Stream, Streams};

const PACKAGE: &str = "@ruby/3.3-wasm-wasi@2.7.1";
const SCRIPT: &str = include_str!("../programs/work.rb");

/// The interpreter's file, fetched once.
fn interpreter() -> Option<&'static Path> {
    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    FILE.get_or_init(fetch).as_deref()
}

fn fetch() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ruby");
    let file = folder.join("package/dist/ruby.wasm");
    fs::create_dir_all(&folder).unwrap();
    let fetch =
        format!("npm pack --silent {PACKAGE} && tar -xzf ruby-*.tgz package/dist/ruby.wasm && rm ruby-*.tgz");
    if !file.exists() {
        let run = Command::new("sh").args(["-c", &fetch]).current_dir(&folder).output().unwrap();
        if !run.status.success() || !file.exists() {
            eprintln!("NOT RUN: cannot fetch {PACKAGE}: {}", String::from_utf8_lossy(&run.stderr));
            return None;
        }
    }
    Some(file)
}

/// What node says that the script prints.
fn expected(file: &Path) -> Option<String> {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let mut node = Command::new("node");
    node.arg("--no-warnings").arg(programs.join("ruby.mjs")).arg(file).arg(programs.join("work.rb"));
    match node.output() {
        Ok(run) if run.status.success() => Some(String::from_utf8(run.stdout).unwrap()),
        Ok(run) => panic!("{}", String::from_utf8_lossy(&run.stderr)),
        Err(error) => {
            eprintln!("NOT RUN: node: {error}");
            None
        }
    }
}

/// WASI, and for JavaScript's side functions whose handles are what they stand for.
fn linker(module: &Module, wasi: &WasiCtx) -> Linker {
    let mut linker = Linker::new();
    wasi.add_to_linker(&mut linker);
    for (from, name, ty) in module.imports() {
        let ExternType::Func(ty) = ty else { continue };
        if linker.get(from, name).is_none() {
            linker.func_new(from, name, ty, |_, params, results| {
                let same = results.iter_mut().zip(params).filter(|(result, param)| result.ty() == param.ty());
                same.for_each(|(result, param)| *result = param.clone());
                Ok(())
            });
        }
    }
    linker
}

/// The function whose name begins so.
fn func(instance: &Instance, begin: &str) -> Func {
    let name =
        instance.module().exports().map(|(name, _)| name.to_owned()).find(|name| name.starts_with(begin));
    instance.get_func(&name.unwrap()).unwrap()
}

/// Copies bytes into memory of the interpreter's.
fn put(instance: &Instance, bytes: &[u8], align: i32) -> i32 {
    let len = bytes.len() as i32;
    let params = [0, 0, align, len].map(Val::I32);
    let [Val::I32(at)] = func(instance, "cabi_realloc").call(&params).unwrap()[..] else {
        panic!("no address")
    };
    instance.get_memory("memory").unwrap().write(at.cast_unsigned().into(), bytes).unwrap();
    at
}

/// An interpreter that is ready, and the script in its memory.
struct Ruby {
    instance: Instance,
    script: [Val; 2],
    wasi: WasiCtx,
    output: MemoryPipe,
}

impl Ruby {
    fn start(module: &Module) -> Self {
        let output = MemoryPipe::new();
        let wasi = Builder::new().args(["ruby"]).stdout(Stream::Memory(output.clone())).build().unwrap();
        let wasi = WasiCtx::new(wasi);
        let instance = linker(module, &wasi).instantiate(module).unwrap();
        func(&instance, "_initialize").call(&[]).unwrap();
        let args = ["ruby", "-e_=0"];
        let list = args.map(|arg| [put(&instance, format!("{arg}\0").as_bytes(), 1), arg.len() as i32]);
        let list: Vec<u8> = list.concat().iter().flat_map(|word| word.to_le_bytes()).collect();
        let list = put(&instance, &list, 4);
        func(&instance, "ruby-init:").call(&[Val::I32(list), Val::I32(2)]).unwrap();
        let script = [put(&instance, SCRIPT.as_bytes(), 1), SCRIPT.len() as i32].map(Val::I32);
        Self { instance, script, wasi, output }
    }

    /// Evaluates the script, frozen by another thread again and again, and thawed in a new instance with a host
    /// side of its own; how often. The pieces grow, so that there are some however fast it goes.
    fn evaluate(&mut self, mut after: Option<Duration>) -> u32 {
        let mut pieces = 0;
        let mut thread = after.map(|after| freeze(&self.instance, after));
        let mut outcome = func(&self.instance, "rb-eval-string-protect:").run(&self.script);
        while let Outcome::Frozen(frozen) = outcome.unwrap() {
            thread.take().map(JoinHandle::join);
            let thawed = self.pass_on(frozen);
            after = after.map(|after| after.mul_f64(1.5));
            thread = after.map(|after| freeze(&self.instance, after));
            outcome = thawed.resume();
            pieces += 1;
        }
        thread.take().map(JoinHandle::join);
        pieces
    }

    fn pass_on(&mut self, mut frozen: Frozen) -> Frozen {
        let module = self.instance.module().clone();
        self.wasi.freeze_into(&mut frozen).unwrap();
        let image = Image::read(&frozen.image().unwrap().to_bytes().unwrap()).unwrap();
        self.output = MemoryPipe::new();
        let streams = Streams { stdout: Some(Stream::Memory(self.output.clone())), ..Streams::default() };
        self.wasi = WasiCtx::thaw(&image.state.host, streams).unwrap().unwrap();
        let thawed = linker(&module, &self.wasi).thaw(&module, &image).unwrap();
        self.instance = thawed.instance().clone();
        thawed
    }

    fn printed(&self) -> String {
        String::from_utf8(self.output.contents()).unwrap()
    }
}

/// Freezes an instance after a while.
fn freeze(instance: &Instance, after: Duration) -> JoinHandle<()> {
    let handle = instance.freeze_handle();
    std::thread::spawn(move || {
        std::thread::sleep(after);
        handle.freeze();
    })
}

#[test]
fn ruby_prints_what_it_prints_in_node_frozen_or_not() {
    let Some(file) = interpreter() else { return };
    let Some(expected) = expected(file) else { return };
    let wasm = fs::read(file).unwrap();
    Module::validate(&wasm).unwrap();
    let module = Module::new(&Engine::new(Default::default()).unwrap(), &wasm).unwrap();
    let mut ruby = Ruby::start(&module);
    assert_eq!((ruby.evaluate(None), ruby.printed()), (0, expected.clone()));
    let mut ruby = Ruby::start(&module);
    let pieces = ruby.evaluate(Some(Duration::from_millis(2)));
    assert_eq!(ruby.printed(), expected, "{pieces} pieces");
    println!("ruby: {pieces} freezes");
    assert!(pieces > 2, "it was too fast to be frozen");
}
