//! Code that polls at entries only.

use midstride_osr::{Config, Engine, Linker, Module, Outcome, Polls, Val};

/// Goes round 100 times without a call.
const TEXT: &str = r#"(module (func (export "turns") (result i32) (local i32)
    (loop $again
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get 0) (i32.const 100))))
    (local.get 0)))"#;

fn module(polls: Polls) -> Module {
    Module::new(&Engine::new(Config { polls, ..Config::default() }).unwrap(), TEXT).unwrap()
}

/// Runs it until it ends, or comes to a poll of this number.
fn frozen_at(poll: u64, module: &Module) -> Outcome {
    let instance = Linker::new().instantiate(module).unwrap();
    instance.freeze_handle().freeze_at_poll(poll);
    instance.get_func("turns").unwrap().run(&[]).unwrap()
}

#[test]
fn loops_are_left_in_the_middle_only_where_they_poll() {
    assert!(matches!(frozen_at(50, &module(Polls::EntriesAndLoops)), Outcome::Frozen(_)));
    assert_eq!(frozen_at(50, &module(Polls::Entries)).results().unwrap(), [Val::I32(100)]);
    assert!(matches!(frozen_at(1, &module(Polls::Entries)), Outcome::Frozen(_)));
}

#[test]
fn an_image_of_a_loop_is_refused_where_loops_do_not_poll() {
    let image = frozen_at(50, &module(Polls::EntriesAndLoops)).frozen().unwrap().image().unwrap();
    let error = Linker::new().thaw(&module(Polls::Entries), &image).expect_err("it is refused").to_string();
    assert!(error.starts_with("the image does not fit the module: function 0 has no loop site"), "{error}");
}
