//! Small modules end to end.

use midstride_osr::{Config, Engine, Instance, Linker, Module, Trap, TrapKind, Val};

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
