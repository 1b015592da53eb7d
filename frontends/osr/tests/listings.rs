//! The code of one function per class of operators, byte for byte.

use midstride_osr::{Config, Engine, Module};
use midstride_testkit::listing;

/// The listing of a module's first function.
fn code(text: &str) -> String {
    let engine = Engine::new(Config::default()).unwrap();
    listing(&Module::new(&engine, text).unwrap().code(0).unwrap())
}

/// Snapshots of functions: `name: "parameters, results, body";`.
macro_rules! listings {
    ($($name:ident: $module:literal;)*) => { $(
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), code($module));
        }
    )* };
}

listings! {
    integers_are_added_in_registers: "(module (func (param i32 i32) (result i32)
        (i32.mul (i32.add (local.get 0) (local.get 1)) (i32.sub (local.get 0) (i32.const 5)))))";
    comparisons_and_branches_are_fused: "(module (func (param i32) (result i32)
        (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
          (then (i32.const 7)) (else (i32.eqz (local.get 0))))))";
    loops_keep_locals_in_registers: "(module (func (param i64) (result i64) (local i64)
        (loop $again
          (local.set 1 (i64.add (local.get 1) (local.get 0)))
          (br_if $again (i64.ne (local.tee 0 (i64.sub (local.get 0) (i64.const 1))) (i64.const 0))))
        (local.get 1)))";
    divisions_use_rax_and_rdx: "(module (func (param i64 i64) (result i64)
        (i64.rem_s (local.get 0) (i64.div_u (local.get 0) (local.get 1)))))";
    shifts_and_rotations: "(module (func (param i32 i32) (result i32)
        (i32.rotl (i32.shl (local.get 0) (local.get 1)) (i32.shr_u (local.get 0) (i32.const 3)))))";
    memory_is_addressed_from_r14: "(module (memory 1) (func (param i32) (result i64)
        (i32.store16 offset=8 (local.get 0) (i32.const 77))
        (i64.load32_s offset=4294967295 (local.get 0))))";
    floats_use_vector_registers: "(module (func (param f64 f64) (result f64)
        (f64.min (f64.add (local.get 0) (local.get 1)) (f64.neg (f64.sqrt (local.get 0))))))";
    float_operators_load_their_right_operand: "(module (memory 1) (func (param f64 i32) (result f64)
        (local.set 0 (f64.sub (local.get 0) (f64.load offset=8 (local.get 1))))
        (f64.add (f64.mul (local.get 0) (f64.const 0)) (f64.load (local.get 1)))))";
    float_constants_stand_behind_the_code: "(module (func (param f64) (result f64)
        (f64.div (f64.mul (local.get 0) (f64.const 0.125)) (f64.const 0.125))))";
    floats_become_integers: "(module (func (param f32) (result i32)
        (i32.add (i32.trunc_f32_s (local.get 0)) (i32.trunc_sat_f32_u (local.get 0)))))";
    calls_send_locals_home: "(module (func $f (param i32 i32) (result i32)
        (i32.add (local.get 0) (call $f (local.get 1) (local.get 0)))))";
    indirect_calls_are_checked: "(module (type $t (func (result i32))) (table 4 funcref)
        (func (param i32) (result i32) (call_indirect (type $t) (local.get 0))))";
    globals_lie_in_the_context: "(module (global $g (mut i32) (i32.const 3)) (func
        (global.set $g (i32.add (global.get $g) (i32.const 1)))))";
    tables_of_branches_are_jumps: "(module (func (param i32) (result i32)
        (block (block (block (br_table 0 1 2 (local.get 0))) (return (i32.const 1)))
          (return (i32.const 2))) (i32.const 3)))";
    bulk_operators_call_the_runtime: "(module (memory 1) (func (param i32)
        (memory.fill (local.get 0) (i32.const 1) (i32.const 100))))";
    vectors_are_shuffled_by_constants: "(module (func (param v128 v128) (result v128)
        (i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31
          (i32x4.add (local.get 0) (local.get 1)) (local.get 1))))";
}

#[test]
fn compiling_twice_gives_the_same_bytes() {
    let text = include_str!("data/mixed.wat");
    let compile = || {
        let engine = Engine::new(Config::default()).unwrap();
        let module = Module::new(&engine, text).unwrap();
        (0..).map_while(|func| module.code(func)).collect::<Vec<_>>()
    };
    let first = compile();
    assert!(first.len() > 2);
    assert_eq!(first, compile());
}
