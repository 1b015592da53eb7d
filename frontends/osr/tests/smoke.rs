//! Small modules end to end.

use midstride_osr::{Config, Engine, Instance, Linker, Module, Trap, TrapKind, Val, Value};

fn instance(text: &str) -> Instance {
    let engine = Engine::new(Config::default()).unwrap();
    Linker::new().instantiate(&Module::new(&engine, text).unwrap()).unwrap()
}

fn call(instance: &Instance, name: &str, params: &[Val]) -> Result<Vec<Val>, Trap> {
    instance.get_func(name).unwrap().call(params)
}

#[test]
fn recursion_computes_fibonacci_numbers() {
    let instance = instance(
        r#"(module (func $fib (export "fib") (param i32) (result i32)
            (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
              (then (local.get 0))
              (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                             (call $fib (i32.sub (local.get 0) (i32.const 2))))))))"#,
    );
    assert_eq!(call(&instance, "fib", &[Val::I32(20)]).unwrap(), [Val::I32(6765)]);
}

#[test]
fn a_loop_sums_memory() {
    let instance = instance(
        r#"(module (memory 1) (data (i32.const 0) "\01\02\03\04")
          (func (export "sum") (param i32) (result i32) (local i32 i32)
            (loop $again
              (local.set 1 (i32.add (local.get 1) (i32.load8_u (local.get 2))))
              (local.set 2 (i32.add (local.get 2) (i32.const 1)))
              (br_if $again (i32.lt_u (local.get 2) (local.get 0))))
            (local.get 1)))"#,
    );
    assert_eq!(call(&instance, "sum", &[Val::I32(4)]).unwrap(), [Val::I32(10)]);
}

#[test]
fn traps_say_what_and_where() {
    let instance = instance(
        r#"(module (memory 1)
          (func $inner (param i32) (result i32) (i32.load (local.get 0)))
          (func (export "outer") (param i32) (result i32) (call $inner (local.get 0)))
          (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1))))"#,
    );
    let trap = call(&instance, "outer", &[Val::I32(65_533)]).unwrap_err();
    assert_eq!(trap.kind(), TrapKind::MemoryOutOfBounds);
    let frames: Vec<_> = trap.frames().iter().map(|frame| (frame.function, frame.name.as_deref())).collect();
    assert_eq!(frames, [(0, Some("inner")), (1, None)]);
    let inner = &trap.frames()[0];
    assert_eq!((&*inner.locals, &*inner.operands), (&[Value::I32(65_533)][..], &[Value::I32(65_533)][..]));
    let divide = |a, b| call(&instance, "div", &[Val::I32(a), Val::I32(b)]);
    assert_eq!(divide(7, -2).unwrap(), [Val::I32(-3)]);
    assert_eq!(divide(7, 0).unwrap_err().kind(), TrapKind::IntegerDivideByZero);
    assert_eq!(divide(i32::MIN, -1).unwrap_err().kind(), TrapKind::IntegerOverflow);
}

#[test]
fn endless_recursion_exhausts_the_stack() {
    let instance = instance(r#"(module (func $f (export "f") (call $f)))"#);
    assert_eq!(call(&instance, "f", &[]).unwrap_err().kind(), TrapKind::StackOverflow);
}

#[test]
fn a_fault_right_behind_a_call_is_told_from_the_call() {
    let instance = instance(
        r#"(module (memory 1)
          (func $address (result i32) (i32.const -4))
          (func (export "f") (result i32) (i32.load (call $address))))"#,
    );
    let trap = call(&instance, "f", &[]).unwrap_err();
    assert_eq!(trap.kind(), TrapKind::MemoryOutOfBounds);
    assert_eq!(trap.frames()[0].operands, [Value::I32(-4)]);
}

#[test]
fn locals_in_registers_are_seen_by_callers_of_what_trapped() {
    let instance = instance(
        r#"(module
          (func $inner unreachable)
          (func (export "f") (param i32 f64) (local i64)
            (local.set 2 (i64.mul (i64.extend_i32_s (local.get 0)) (i64.const 3)))
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (call $inner)
            (drop (i64.add (local.get 2) (i64.extend_i32_s (local.get 0))))))"#,
    );
    let trap = call(&instance, "f", &[Val::I32(5), Val::from(0.5)]).unwrap_err();
    assert_eq!(trap.frames()[1].locals, [Value::I32(6), Value::from(0.5), Value::I64(15)]);
}

#[test]
fn an_endless_loop_can_be_interrupted() {
    let instance = instance(r#"(module (func (export "f") (loop $l (br $l))))"#);
    let handle = instance.interrupt_handle();
    let thread = std::thread::spawn(move || handle.interrupt());
    assert_eq!(call(&instance, "f", &[]).unwrap_err().kind(), TrapKind::Interrupted);
    thread.join().unwrap();
}

#[test]
fn a_thousand_modules_live_at_once() {
    let engine = Engine::new(Config::default()).unwrap();
    let text = |n| format!(r#"(module (func (export "run") (result i32) (i32.const {n})))"#);
    let modules: Vec<Module> = (0..1000).map(|n| Module::new(&engine, text(n)).unwrap()).collect();
    for n in [0, 160, 999] {
        let instance = Linker::new().instantiate(&modules[n]).unwrap();
        assert_eq!(call(&instance, "run", &[]).unwrap(), [Val::I32(n as i32)]);
    }
}

#[test]
fn bytes_that_a_module_keeps_are_the_same_module() {
    let engine = Engine::new(Config::default()).unwrap();
    let text = r#"(module (func $f (export "run")) (memory (export "memory") 1))"#;
    let binary = wat::parse_str(text).unwrap();
    let copied = Module::from_binary(&engine, &binary).unwrap();
    for bytes in [binary, text.into()] {
        let kept = Module::from_vec(&engine, bytes).unwrap();
        assert_eq!((kept.hash(), kept.exported_function("run")), (copied.hash(), Some(0)));
        assert_eq!((kept.exported_function("memory"), kept.exported_function("f")), (None, None));
    }
    assert!(Module::from_vec(&engine, b"(module (func".to_vec()).is_err());
}
