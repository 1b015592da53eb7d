//! Code that is stepped to a place where it can be stopped, while another thread asks at any moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use midstride_os::signal::{
    MaskHow, SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGSTOP, SIGTRAP, SIGURG, SigSet, rt_sigaction,
    rt_sigprocmask,
};
use midstride_osr::{
    Caller, Config, Engine, FreezeHandle, Instance, Linker, Module, Outcome, Polls, Trap, TrapKind, Val,
};

fn module(text: &str) -> Module {
    Module::new(&Engine::new(Config::default()).unwrap(), text).unwrap()
}

/// With a host function that does nothing much.
fn linker() -> Linker {
    let mut linker = Linker::new();
    linker.func_wrap("host", "add", |n: i32| n.wrapping_add(1));
    linker
}

/// What never ends: a loop of one jump, loops that start at the same place, ways back through a table, a loop
/// around a call, loops around host calls and operators that the runtime carries out, and a function that
/// clears many locals; thousands of instructions, in loops that have a call, in one part and in many, and in one
/// that has none.
const ENDLESS: &str = r#"(module
    (import "host" "add" (func $add (param i32) (result i32)))
    (memory 2 100) (table 10 100 funcref)
    (func (export "jump") (loop $l (br $l)))
    (func (export "same place") (local i32)
      (loop $a (loop $b (loop $c
        (local.set 0 (i32.add (local.get 0) (i32.const 1)))
        (br_if $c (i32.and (local.get 0) (i32.const 1)))
        (br_if $b (i32.and (local.get 0) (i32.const 2)))
        (br $a)))))
    (func (export "table") (local i32)
      (loop $a (loop $b
        (local.set 0 (i32.add (local.get 0) (i32.const 1)))
        (br_table $a $b (i32.and (local.get 0) (i32.const 1))))))
    (func $leaf (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
    (func (export "call") (local i32) (loop $l (local.set 0 (call $leaf (local.get 0))) (br $l)))
    (func (export "host") (local i32) (loop $l (local.set 0 (call $add (local.get 0))) (br $l)))
    (func (export "runtime")
      (loop $l (drop (memory.grow (i32.const 0))) (table.set (i32.const 1) (table.get (i32.const 0)))
        (memory.fill (i32.const 9) (i32.const 1) (i32.const 70000)) (br $l)))
    (func (export "vectors") (local v128 i32 i64 f64)
      (loop $l (local.set 0 (i32x4.add (local.get 0) (i32x4.splat (local.get 1))))
        (local.set 3 (f64.add (local.get 3) (f64.const 0.5)))
        (local.set 1 (i32.add (local.get 1) (i32.const 1))) (br $l)))
    (func (export "straight") (local i64)
      (loop $l (if (i64.eqz (local.get 0)) (then (drop (call $leaf (i32.const 1))))) STRAIGHT (br $l)))
    (func (export "blocks") (local i64)
      (loop $l (if (i64.eqz (local.get 0)) (then (drop (call $leaf (i32.const 1))))) BLOCKS (br $l)))
    (func (export "long") (local i64) (loop $l STRAIGHT (br $l)))
    (func $many MANY)
    (func (export "many locals") (loop $l (call $many) (br $l))))"#;

const WAYS: [&str; 11] = [
    "jump",
    "same place",
    "table",
    "call",
    "host",
    "runtime",
    "vectors",
    "straight",
    "blocks",
    "long",
    "many locals",
];

fn endless() -> Instance {
    let locals = "(local i64)".repeat(20_000);
    let work = "(local.set 0 (i64.add (i64.mul (local.get 0) (i64.const 3)) (i64.const 1)))";
    let blocks = format!("(block {work})").repeat(1000);
    let text = ENDLESS.replace("MANY", &locals).replace("STRAIGHT", &work.repeat(1000));
    let text = text.replace("BLOCKS", &blocks);
    linker().instantiate(&module(&text)).unwrap()
}

/// Has `ask` done by another thread after so many microseconds, while `run` runs.
fn meanwhile<R>(micros: u64, ask: impl FnOnce() + Send + 'static, run: impl FnOnce() -> R) -> R {
    let other = thread::spawn(move || {
        thread::sleep(Duration::from_micros(micros));
        ask();
    });
    let result = run();
    other.join().unwrap();
    result
}

#[test]
fn code_of_every_kind_is_interrupted_by_another_thread() {
    let instance = endless();
    for name in WAYS {
        let func = instance.get_func(name).unwrap();
        for micros in 0..20 {
            let handle = instance.interrupt_handle();
            let trap = meanwhile(micros * 37, move || handle.interrupt(), || func.call(&[])).unwrap_err();
            assert_eq!(trap.kind(), TrapKind::Interrupted, "{name}");
        }
    }
}

#[test]
fn code_of_every_kind_is_frozen_by_another_thread_and_goes_on() {
    for name in WAYS {
        let instance = endless();
        let mut outcome = {
            let handle = instance.freeze_handle();
            meanwhile(0, move || handle.freeze(), || instance.get_func(name).unwrap().run(&[])).unwrap()
        };
        for micros in 0..10 {
            let Outcome::Frozen(frozen) = outcome else { panic!("{name} ended") };
            let image = frozen.image().unwrap();
            let frozen = linker().thaw(instance.module(), &image).unwrap();
            let handle = frozen.instance().freeze_handle();
            outcome = meanwhile(micros * 41, move || handle.freeze(), || frozen.resume()).unwrap();
        }
    }
}

#[test]
fn wishes_among_traps_are_not_lost() {
    let instance = linker()
        .instantiate(&module(
            r#"(module (memory 1) (func (export "run") (param i32) (result i32) (local i32)
              (loop $l (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                (br_if $l (i32.lt_u (local.get 1) (local.get 0))))
              (i32.load (i32.const 65535))))"#,
        ))
        .unwrap();
    let func = instance.get_func("run").unwrap();
    for round in 0..50 {
        let handle = instance.interrupt_handle();
        let kinds = meanwhile(
            round * 23,
            move || handle.interrupt(),
            || {
                let kind = |round| func.call(&[Val::I32(round % 300)]).unwrap_err().kind();
                (0..).map(kind).find(|&kind| kind != TrapKind::MemoryOutOfBounds)
            },
        );
        assert_eq!(kinds, Some(TrapKind::Interrupted));
    }
}

/// Mixes a number of numbers: integers, floats, memory, calls, a table, host calls.
const CHECKSUM: &str = r#"(module
    (import "host" "add" (func $add (param i32) (result i32)))
    (memory 1)
    (table funcref (elem $odd $even))
    (type $mix (func (param i64) (result i64)))
    (func $odd (param i64) (result i64) (i64.xor (local.get 0) (i64.shr_u (local.get 0) (i64.const 7))))
    (func $even (param i64) (result i64) (i64.add (local.get 0) (i64.shl (local.get 0) (i64.const 9))))
    (func (export "run") (param $n i32) (result i64) (local $i i32) (local $x i64) (local $f f64) (local $v v128)
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536))
      (local.set $x (i64.const 88172645463325252))
      (loop $outer
        (local.set $x (call_indirect (type $mix) (local.get $x) (i32.and (local.get $i) (i32.const 1))))
        (i64.store (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 0xfff8)) (local.get $x))
        (local.set $f (f64.sqrt (f64.add (local.get $f) (f64.convert_i64_u (local.get $x)))))
        (local.set $v (i64x2.add (local.get $v) (i64x2.splat (local.get $x))))
        (loop $inner
          (local.set $x (i64.rotl (i64.mul (local.get $x) (i64.const 0x5851f42d4c957f2d)) (i64.const 17)))
          (br_if $inner (i64.eqz (i64.and (local.get $x) (i64.const 3)))))
        (local.set $x (i64.add (local.get $x)
          (i64.load (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 0xfff8)))))
        (if (i32.eqz (i32.and (local.get $i) (i32.const 63)))
          (then (local.set $x (i64.add (local.get $x) (i64.extend_i32_u (call $add (local.get $i)))))))
        (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      (i64.xor (i64.xor (local.get $x) (i64.reinterpret_f64 (local.get $f)))
        (i64.add (i64x2.extract_lane 0 (local.get $v)) (i64x2.extract_lane 1 (local.get $v))))))"#;

/// Asks at random moments; wishes that come before the last one is heard are one wish.
fn ask_at_random(handle: &FreezeHandle, times: u32) {
    let mut state = 7u64;
    for _ in 0..times {
        handle.freeze();
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (0..state >> 52).for_each(|_| std::hint::spin_loop());
    }
}

#[test]
fn a_checksum_is_the_same_after_10_000_wishes_at_random_moments() {
    let instance = linker().instantiate(&module(CHECKSUM)).unwrap();
    let run = || instance.get_func("run").unwrap().run(&[Val::I32(30_000)]).unwrap();
    let expected = run().results().unwrap();
    let handle = instance.freeze_handle();
    let other = thread::spawn(move || ask_at_random(&handle, 10_000));
    let mut freezes = 0;
    while !other.is_finished() {
        let mut outcome = run();
        while let Outcome::Frozen(frozen) = outcome {
            freezes += 1;
            outcome = frozen.resume().unwrap();
        }
        assert_eq!(outcome.results().unwrap(), expected);
    }
    other.join().unwrap();
    assert!(freezes > 100, "{freezes}");
}

#[test]
fn wishes_for_outer_code_come_while_inner_code_runs() {
    let inner = linker()
        .instantiate(&module(
            r#"(module (func (export "f") (param i32) (result i32)
              (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (i32.const 1)))"#,
        ))
        .unwrap();
    let outer = module(
        r#"(module (import "inner" "f" (func $f (param i32) (result i32)))
          (func (export "run") (loop $l (br_if $l (call $f (i32.const 20000))))))"#,
    );
    let mut linker = Linker::new();
    linker.instance("inner", &inner);
    let outer = linker.instantiate(&outer).unwrap();
    let run = outer.get_func("run").unwrap();
    for round in 0..50 {
        let handle = outer.interrupt_handle();
        let trap = meanwhile(round * 29, move || handle.interrupt(), || run.call(&[])).unwrap_err();
        assert_eq!(trap.kind(), TrapKind::Interrupted);
        // And for the inner one, which interrupts the outer one too.
        let handle = inner.interrupt_handle();
        let trap = meanwhile(round * 31, move || handle.interrupt(), || run.call(&[])).unwrap_err();
        assert_eq!(trap.kind(), TrapKind::Interrupted);
    }
}

#[test]
fn one_thread_runs_two_instances_in_turn() {
    let instances = [endless(), endless()];
    for round in 0..20 {
        let (instance, other) = (&instances[round % 2], &instances[1 - round % 2]);
        let (handle, stop) = (instance.interrupt_handle(), other.interrupt_handle());
        let func = instance.get_func("same place").unwrap();
        let ask = move || {
            stop.interrupt();
            thread::sleep(Duration::from_micros(100));
            handle.interrupt();
        };
        assert_eq!(meanwhile(50, ask, || func.call(&[])).unwrap_err().kind(), TrapKind::Interrupted);
        let func = other.get_func("jump").unwrap();
        assert_eq!(func.call(&[]).unwrap_err().kind(), TrapKind::Interrupted, "asked before it ran");
    }
}

#[test]
fn a_freeze_waits_for_code_under_the_host_and_then_comes() {
    let text = r#"(module (import "host" "back" (func $back))
        (func (export "again") (param i32)
          (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "run") (loop $l (call $back) (br $l))))"#;
    let rounds = Arc::new(AtomicU32::new(0));
    let count = rounds.clone();
    let mut linker = Linker::new();
    linker.func_wrap("host", "back", move |caller: Caller<'_>| -> Result<(), Trap> {
        count.fetch_add(1, Relaxed);
        let instance: &Instance = caller.instance().ok_or(TrapKind::Host)?;
        instance.freeze_handle().freeze();
        // As fast as ever: one step for each instruction would take minutes.
        instance.get_typed_func::<i32, ()>("again").map_err(Trap::host)?.call(200_000_000)
    });
    let instance = linker.instantiate(&module(text)).unwrap();
    let outcome = instance.get_func("run").unwrap().run(&[]).unwrap();
    assert!(matches!(outcome, Outcome::Frozen(_)));
    assert_eq!(rounds.load(Relaxed), 1);
}

#[test]
fn a_thread_that_blocks_all_signals_is_stepped_all_the_same() {
    let done = Arc::new(AtomicBool::new(false));
    let said = done.clone();
    let thread = thread::spawn(move || {
        rt_sigprocmask(MaskHow::Block, Some(SigSet::ALL)).unwrap();
        let instance = endless();
        let handle = instance.interrupt_handle();
        let func = instance.get_func("jump").unwrap();
        let trap = meanwhile(300, move || handle.interrupt(), || func.call(&[])).unwrap_err();
        said.store(trap.kind() == TrapKind::Interrupted, Relaxed);
    });
    thread.join().unwrap();
    assert!(done.load(Relaxed));
}

#[test]
fn faults_are_traps_in_a_thread_that_blocks_all_signals() {
    let text = r#"(module (memory 1)
        (func (export "load") (drop (i32.load (i32.const -1))))
        (func (export "divide") (drop (i32.div_u (i32.const 1) (i32.const 0)))))"#;
    let kinds = thread::spawn(move || {
        rt_sigprocmask(MaskHow::Block, Some(SigSet::ALL)).unwrap();
        let instance = Linker::new().instantiate(&module(text)).unwrap();
        ["load", "divide"].map(|name| instance.get_func(name).unwrap().call(&[]).unwrap_err().kind())
    });
    assert_eq!(kinds.join().unwrap(), [TrapKind::MemoryOutOfBounds, TrapKind::IntegerDivideByZero]);
}

/// The stack for handlers that threads get from the standard library has room for two frames with large vectors
/// and little more: a handler that was interrupted by the next signal, at its deepest, ended the process.
#[test]
fn no_signal_interrupts_the_handlers() {
    let _installs = endless();
    for signal in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGURG] {
        // SAFETY: only asks.
        let action = unsafe { rt_sigaction(signal, None) }.unwrap();
        // The kernel leaves out what cannot be blocked.
        assert_eq!(action.mask, SigSet::ALL.without(SIGKILL).without(SIGSTOP), "signal {signal}");
    }
}

#[test]
fn a_handle_outlives_the_thread() {
    let handle = thread::spawn(|| endless().interrupt_handle()).join().unwrap();
    handle.interrupt();
}

#[test]
fn an_engine_without_signals_beside_one_with_them_compares() {
    let engine = Engine::new(Config { polls: Polls::Compared, ..Config::default() }).unwrap();
    let compared = Module::new(&engine, r#"(module (func (export "run") (loop $l (br $l))))"#).unwrap();
    let compared = Linker::new().instantiate(&compared).unwrap();
    let (stepped, run) = (endless(), compared.get_func("run").unwrap());
    let (first, handle) = (stepped.interrupt_handle(), compared.interrupt_handle());
    let ask = move || {
        first.interrupt();
        handle.interrupt();
    };
    assert_eq!(meanwhile(100, ask, || run.call(&[])).unwrap_err().kind(), TrapKind::Interrupted);
    assert_eq!(
        stepped.get_func("jump").unwrap().call(&[]).unwrap_err().kind(),
        TrapKind::Interrupted,
        "asked before it ran"
    );
}
