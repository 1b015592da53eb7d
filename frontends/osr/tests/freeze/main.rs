//! Freezing at every place, thawing from bytes, and going on to the same end.

mod bulk;
mod everywhere;
mod files;
mod host;
mod imports;
mod nested;
mod programs;
mod references;
mod refusals;
mod traps;
mod wasi;

use midstride_osr::{Config, Engine, Frozen, Image, Instance, Linker, Module, Outcome, Polls, Val};

/// A module in text form, compiled.
fn module(text: &str) -> Module {
    module_with(Polls::default(), text)
}

fn module_with(polls: Polls, text: &str) -> Module {
    let engine = Engine::new(Config { polls, ..Config::default() }).unwrap();
    Module::new(&engine, text).unwrap()
}

fn instance(text: &str) -> Instance {
    Linker::new().instantiate(&module(text)).unwrap()
}

/// What a function is, to be run.
fn run(instance: &Instance, name: &str, params: &[Val]) -> Outcome {
    instance.get_func(name).unwrap().run(params).unwrap()
}

/// Runs `run`, frozen at every poll and passed on: the last instance, the results, and how many there were.
fn run_in_pieces(linker: &Linker, mut instance: Instance, params: &[Val]) -> (Instance, Vec<Val>, u32) {
    instance.freeze_handle().freeze_at_poll(1);
    let (mut outcome, mut pieces) = (run(&instance, "run", params), 1);
    while let Outcome::Frozen(frozen) = outcome {
        let thawed = pass_on(linker, &frozen);
        instance = thawed.instance().clone();
        instance.freeze_handle().freeze_at_poll(1);
        outcome = thawed.resume().unwrap();
        pieces += 1;
    }
    (instance, outcome.results().unwrap(), pieces)
}

/// Through bytes, to another instance.
fn pass_on(linker: &Linker, frozen: &Frozen) -> Frozen {
    let bytes = frozen.image().unwrap().to_bytes().unwrap();
    linker.thaw(frozen.instance().module(), &Image::read(&bytes).unwrap()).unwrap()
}
