//! How code finds out that it is to stop makes no difference to what it is.

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
    assert!(matches!(frozen_at(50, &module(Polls::Stepped)), Outcome::Frozen(_)));
    assert!(matches!(frozen_at(50, &module(Polls::Compared)), Outcome::Frozen(_)));
    assert_eq!(frozen_at(50, &module(Polls::Entries)).results().unwrap(), [Val::I32(100)]);
    assert!(matches!(frozen_at(1, &module(Polls::Entries)), Outcome::Frozen(_)));
}

#[test]
fn an_image_of_a_loop_is_refused_where_loops_do_not_poll() {
    let image = frozen_at(50, &module(Polls::Compared)).frozen().unwrap().image().unwrap();
    let error = Linker::new().thaw(&module(Polls::Entries), &image).expect_err("it is refused").to_string();
    assert!(error.starts_with("the image does not fit the module: function 0 has no loop site"), "{error}");
}

#[test]
fn images_move_between_stepped_and_compared_loops() {
    let modules = [Polls::Stepped, Polls::Compared].map(module);
    for (from, to) in [(0, 1), (1, 0)] {
        let image = frozen_at(50, &modules[from]).frozen().unwrap().image().unwrap();
        let frozen = Linker::new().thaw(&modules[to], &image).unwrap();
        assert_eq!(frozen.image().unwrap(), image);
        // The iteration that it stands at is not asked about again: 49 have been at the poll, and 51 come.
        frozen.instance().freeze_handle().freeze_at_poll(51);
        let frozen = frozen.resume().unwrap().frozen().unwrap();
        let last = frozen.state().unwrap().frames().next().unwrap().locals[0];
        assert_eq!(last, midstride_osr::Value::I32(99));
        assert_eq!(frozen.resume().unwrap().results().unwrap(), [Val::I32(100)]);
    }
}

#[test]
fn each_iteration_is_frozen_at_once_however_loops_poll() {
    for polls in [Polls::Stepped, Polls::Compared] {
        let mut outcome = frozen_at(1, &module(polls));
        let mut freezes = 0;
        while let Outcome::Frozen(frozen) = outcome {
            freezes += 1;
            frozen.instance().freeze_handle().freeze_at_poll(1);
            outcome = frozen.resume().unwrap();
        }
        // The entry and 100 iterations.
        assert_eq!((outcome.results().unwrap(), freezes), (vec![Val::I32(100)], 101), "{polls:?}");
    }
}

#[test]
fn a_loop_that_is_stepped_to_has_no_instruction_for_it() {
    let [stepped, without] = [Polls::Stepped, Polls::Entries].map(|polls| module(polls).code(0).unwrap());
    // Up to `pop rbp; ret`: the cold part calls the runtime, which lies elsewhere.
    let hot = without.windows(2).position(|pair| pair == [0x5d, 0xc3]).unwrap() + 2;
    assert_eq!(stepped[..hot], without[..hot]);
    assert!(stepped.len() > without.len());
}

#[test]
fn polls_are_counted_exactly_where_many_instructions_lie_between() {
    let work = "(local.set 1 (i32.add (i32.mul (local.get 1) (i32.const 3)) (local.get 0)))".repeat(60);
    let long = "(local.set 1 (i32.xor (local.get 1) (i32.const 5)))".repeat(200);
    let text = r#"(module (func $leaf (param i32) (result i32) (local.get 0))
        (func (export "turns") (result i32) (local i32 i32)
          (loop $calls WORK (if (i32.eqz (local.get 0)) (then (drop (call $leaf (i32.const 1)))))
            (br_if $calls (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 20))))
          (loop $long LONG
            (br_if $long (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 40))))
          (local.get 0)))"#;
    let text = text.replace("WORK", &work).replace("LONG", &long);
    let local = |polls, poll| {
        let engine = Engine::new(Config { polls, ..Config::default() }).unwrap();
        let frozen = frozen_at(poll, &Module::new(&engine, &text).unwrap()).frozen().unwrap();
        let frame = frozen.state().unwrap().frames().next().unwrap().clone();
        (frame.wasm_offset, frame.locals)
    };
    for poll in [1, 2, 3, 4, 15, 22, 23, 30, 42] {
        assert_eq!(local(Polls::Stepped, poll), local(Polls::Compared, poll), "{poll}");
    }
}
