//! Where the compiler looks at neighbours: results that go straight into a local's register, flags that
//! are there already. What a program sees is the same.

use midstride_osr::{Config, Engine, Instance, Linker, Module, Trap, TrapKind, Val, Value};

/// An instance of one function, `f`, of two i32 with an i32 result.
fn function(body: &str) -> Instance {
    let text =
        format!(r#"(module (memory 1) (func (export "f") (param i32 i32) (result i32) (local i32) {body}))"#);
    let engine = Engine::new(Config::default()).unwrap();
    Linker::new().instantiate(&Module::new(&engine, text).unwrap()).unwrap()
}

fn call(instance: &Instance, a: i32, b: i32) -> Result<Vec<Val>, Trap> {
    instance.get_func("f").unwrap().call(&[Val::I32(a), Val::I32(b)])
}

fn result(body: &str, a: i32, b: i32) -> Val {
    call(&function(body), a, b).unwrap()[0].clone()
}

#[test]
fn operands_keep_what_a_local_held_before() {
    let body = "(local.get 0) (local.set 0 (i32.add (local.get 0) (local.get 1))) (i32.sub (local.get 0))";
    assert_eq!(result(body, 10, 3), Val::I32(-3));
}

#[test]
fn a_local_is_changed_by_an_operator_that_reads_it_second() {
    for (operator, expected) in [("sub", -7), ("add", 13), ("mul", 30), ("xor", 9)] {
        let body = format!("(local.set 0 (i32.{operator} (local.get 1) (local.get 0))) (local.get 0)");
        assert_eq!(result(&body, 10, 3), Val::I32(expected), "{operator}");
    }
}

#[test]
fn a_local_is_doubled_in_its_register() {
    assert_eq!(result("(local.tee 0 (i32.add (local.get 0) (local.get 0)))", 21, 0), Val::I32(42));
    assert_eq!(result("(local.tee 0 (i32.mul (local.get 0) (local.get 0)))", 5, 0), Val::I32(25));
}

#[test]
fn a_load_that_faults_leaves_the_local_it_would_have_set() {
    let instance = function("(local.set 0 (i32.load offset=4 (local.get 0))) (local.get 0)");
    let trap = call(&instance, 65_535, 7).unwrap_err();
    assert_eq!(trap.kind(), TrapKind::MemoryOutOfBounds);
    let frame = &trap.frames()[0];
    assert_eq!(&*frame.locals, [Value::I32(65_535), Value::I32(7), Value::I32(0)]);
    assert_eq!(&*frame.operands, [Value::I32(65_535)]);
}

#[test]
fn flags_of_an_operation_are_a_comparison_with_zero() {
    let body = "(i32.eqz (i32.and (local.get 0) (local.get 1)))";
    assert_eq!([result(body, 4, 3), result(body, 4, 6)], [Val::I32(1), Val::I32(0)]);
    let body =
        "(if (result i32) (i32.sub (local.get 0) (local.get 1)) (then (i32.const 5)) (else (i32.const 6)))";
    assert_eq!([result(body, 4, 3), result(body, 4, 4)], [Val::I32(5), Val::I32(6)]);
}

#[test]
fn flags_are_forgotten_where_ways_meet() {
    let body = "(i32.eqz (block (result i32)
        (drop (br_if 0 (local.get 0) (local.get 1))) (i32.and (local.get 0) (i32.const 1))))";
    assert_eq!([result(body, 2, 1), result(body, 2, 0)], [Val::I32(0), Val::I32(1)]);
    assert_eq!([result(body, 0, 1), result(body, 3, 0)], [Val::I32(1), Val::I32(0)]);
}

#[test]
fn only_the_zero_flag_outlives_its_operation() {
    // The difference overflows: its sign flag is not the sign.
    let body = "(i32.lt_s (i32.sub (local.get 0) (local.get 1)) (i32.const 0))";
    assert_eq!(result(body, i32::MIN, 1), Val::I32(0));
    assert_eq!(result(body, i32::MAX, -1), Val::I32(1));
}

/// The operator applied three times to 8 and 2, which lie in memory.
fn three_times(ty: &str, data: &str, operator: &str) -> Val {
    let text = format!(
        r#"(module (memory 1) (data (i32.const 8) "{data}") (func (export "f") (param i32) (result {ty}) (local {ty})
            (local.set 1 ({ty}.{operator} ({ty}.load (local.get 0)) ({ty}.load offset=8 (local.get 0))))
            ({ty}.{operator}
              (local.tee 1 ({ty}.{operator} (local.get 1) ({ty}.load offset=8 (local.get 0))))
              ({ty}.load offset=8 (local.get 0)))))"#
    );
    let engine = Engine::new(Config::default()).unwrap();
    let instance = Linker::new().instantiate(&Module::new(&engine, text).unwrap()).unwrap();
    instance.get_func("f").unwrap().call(&[Val::I32(8)]).unwrap()[0].clone()
}

#[test]
fn floats_are_loaded_by_the_operator_that_takes_them_second() {
    let narrow = r"\00\00\00\41\00\00\00\00\00\00\00\40";
    let wide = r"\00\00\00\00\00\00\20\40\00\00\00\00\00\00\00\40";
    for (operator, expected) in [("add", 14_f32), ("sub", 2.0), ("mul", 64.0), ("div", 1.0)] {
        assert_eq!(
            three_times("f64", wide, operator),
            Val::F64(f64::from(expected).to_bits()),
            "f64.{operator}"
        );
        assert_eq!(three_times("f32", narrow, operator), Val::F32(expected.to_bits()), "f32.{operator}");
    }
}
