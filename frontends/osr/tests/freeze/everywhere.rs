//! At every poll of small programs.

use midstride_osr::{Frozen, Instance, Linker, Outcome, Polls, Val};

use crate::programs::{PROGRAMS, Program};
use crate::{instance, module, module_with, pass_on, run, run_in_pieces};

/// Results, and what is left behind.
fn end(instance: &Instance, results: &[Val]) -> (Vec<u128>, String) {
    let bits = results.iter().map(|value| match value {
        Val::I32(value) => u128::from(value.cast_unsigned()),
        Val::I64(value) => u128::from(value.cast_unsigned()),
        Val::F32(bits) => u128::from(*bits),
        Val::F64(bits) => u128::from(*bits),
        Val::V128(bits) => *bits,
        Val::FuncRef(func) => func.is_some().into(),
        other => panic!("{other:?} as a result"),
    });
    let image = instance.frozen().image().unwrap();
    assert!(image.state.activations.is_empty());
    let memories: Vec<Vec<(u64, u64)>> = image.state.memories.iter().map(checksums).collect();
    let (globals, tables, state) = (&image.state.globals, &image.state.tables, &image.state);
    let dropped = (&state.dropped_data, &state.dropped_elements);
    (bits.collect(), format!("{globals:?} {tables:?} {dropped:?} {memories:?}"))
}

fn checksums(memory: &midstride_osr::statemap::Memory) -> Vec<(u64, u64)> {
    let sum =
        |bytes: &[u8]| bytes.iter().fold(1u64, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    memory
        .pages()
        .map(|(page, bytes)| (page, sum(&bytes[..])))
        .filter(|(_, sum)| *sum != sum_of_zeros())
        .collect()
}

fn sum_of_zeros() -> u64 {
    (0..4096).fold(1u64, |sum, _| sum.wrapping_mul(31))
}

fn uninterrupted(program: &Program) -> (Vec<u128>, String) {
    let instance = instance(program.text);
    let results = run(&instance, "run", program.params).results().unwrap();
    end(&instance, &results)
}

fn finish(frozen: Frozen) -> (Vec<u128>, String) {
    let instance = frozen.instance().clone();
    let results = frozen.resume().unwrap().results().expect("nobody freezes it again");
    end(&instance, &results)
}

#[test]
fn frozen_at_any_poll_a_program_comes_to_the_same_end() {
    for program in &PROGRAMS {
        let expected = uninterrupted(program);
        let (module, linker) = (module(program.text), Linker::new());
        let mut polls = 0;
        loop {
            polls += 1;
            let instance = linker.instantiate(&module).unwrap();
            instance.freeze_handle().freeze_at_poll(polls);
            match run(&instance, "run", program.params) {
                Outcome::Done(results) => break assert_eq!(end(&instance, &results), expected),
                Outcome::Frozen(frozen) => {
                    let thawed = pass_on(&linker, &frozen);
                    assert_eq!(thawed.image().unwrap(), frozen.image().unwrap(), "{}", program.name);
                    assert_eq!(finish(thawed), expected, "{}, poll {polls}", program.name);
                    assert_eq!(finish(frozen), expected, "{}, poll {polls}, in place", program.name);
                }
            }
        }
        assert!(polls > 4, "{}: {polls} polls", program.name);
    }
}

#[test]
fn frozen_at_all_polls_a_program_comes_to_the_same_end() {
    for program in &PROGRAMS {
        let expected = uninterrupted(program);
        let (instance, results, _) = run_in_pieces(&Linker::new(), instance(program.text), program.params);
        assert_eq!(end(&instance, &results), expected, "{}", program.name);
    }
}

#[test]
fn another_thread_freezes_an_endless_loop() {
    let instance = instance(
        r#"(module (func (export "run") (result i64) (local i64)
            (loop $l (local.set 0 (i64.add (local.get 0) (i64.const 1)))
              (br_if $l (i64.lt_u (local.get 0) (i64.const 0xffffffffffff))))
            (local.get 0)))"#,
    );
    let handle = instance.freeze_handle();
    let thread = std::thread::spawn(move || handle.freeze());
    let frozen = run(&instance, "run", &[]).frozen().unwrap();
    thread.join().unwrap();
    let mut image = frozen.image().unwrap();
    let frame = image.state.frame_mut(0).unwrap();
    frame
        .set(midstride_osr::statemap::Slot::Local(0), midstride_osr::statemap::Value::I64(0xffff_ffff_fffe))
        .unwrap();
    let thawed = Linker::new().thaw(instance.module(), &image).unwrap();
    assert_eq!(thawed.resume().unwrap().results().unwrap(), [Val::I64(0xffff_ffff_ffff)]);
}

fn a_recursion_is_frozen_and_goes_on(polls: Polls, depth: i32) {
    let text = r#"(module (func $down (export "run") (param i32) (result i64) (local i64)
        (local.set 1 (i64.extend_i32_u (local.get 0)))
        (if (result i64) (i32.eqz (local.get 0)) (then (i64.const 0))
          (else (i64.add (local.get 1) (call $down (i32.sub (local.get 0) (i32.const 1))))))))"#;
    let instance = Linker::new().instantiate(&module_with(polls, text)).unwrap();
    instance.freeze_handle().freeze_at_poll(depth as u64 - 100);
    let frozen = run(&instance, "run", &[Val::I32(depth)]).frozen().unwrap();
    assert_eq!(frozen.state().unwrap().frames().count(), depth as usize - 100);
    let thawed = pass_on(&Linker::new(), &frozen);
    let sum = i64::from(depth) * i64::from(depth + 1) / 2;
    assert_eq!(thawed.resume().unwrap().results().unwrap(), [Val::I64(sum)]);
}

#[test]
fn a_recursion_of_100_000_frames_is_frozen_and_goes_on() {
    a_recursion_is_frozen_and_goes_on(Polls::Compared, 100_100);
}

#[test]
fn a_recursion_is_frozen_by_steps_from_one_entry_to_the_next() {
    a_recursion_is_frozen_and_goes_on(Polls::Stepped, 2_100);
}
