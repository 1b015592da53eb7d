//! Freezing at every place, thawing from bytes, and going on to the same end.

mod everywhere;
mod files;
mod host;
mod programs;
mod refusals;
mod traps;
mod wasi;

use midstride_osr::{Config, Engine, Frozen, Image, Instance, Linker, Module, Outcome, Val};

/// A module in text form, compiled.
fn module(text: &str) -> Module {
    let engine = Engine::new(Config::default()).unwrap();
    Module::new(&engine, text).unwrap()
}

fn instance(text: &str) -> Instance {
    Linker::new().instantiate(&module(text)).unwrap()
}

/// What a function is, to be run.
fn run(instance: &Instance, name: &str, params: &[Val]) -> Outcome {
    instance.get_func(name).unwrap().run(params).unwrap()
}

/// Through bytes, to another instance.
fn pass_on(linker: &Linker, frozen: &Frozen) -> Frozen {
    let bytes = frozen.image().unwrap().to_bytes().unwrap();
    linker.thaw(frozen.instance().module(), &Image::read(&bytes).unwrap()).unwrap()
}
