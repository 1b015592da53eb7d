//! Small programs with all kinds of values in all kinds of places.

use midstride_osr::Val;

/// A program: its text, and what its function `run` is called with.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) params: &'static [Val],
}

pub(crate) const PROGRAMS: [Program; 7] = [
    Program {
        name: "recursive calls in the middle of expressions",
        text: r#"(module (func $fib (export "run") (param i32) (result i32)
          (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
            (then (local.get 0))
            (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                           (call $fib (i32.sub (local.get 0) (i32.const 2))))))))"#,
        params: &[Val::I32(9)],
    },
    Program {
        name: "nested loops over memory",
        text: r#"(module (memory (export "m") 1) (global $sum (mut i64) (i64.const 7))
          (func (export "run") (param i32 f64) (result i64 f64) (local i32 i32 f64)
            (loop $outer
              (local.set 3 (i32.const 0))
              (loop $inner
                (i32.store (i32.mul (local.get 2) (i32.const 4))
                  (i32.add (i32.load (i32.mul (local.get 3) (i32.const 4))) (local.get 2)))
                (global.set $sum (i64.add (global.get $sum)
                  (i64.extend_i32_u (i32.load (i32.mul (local.get 3) (i32.const 4))))))
                (local.set 4 (f64.add (local.get 4) (f64.mul (local.get 1) (f64.convert_i32_s (local.get 3)))))
                (local.set 3 (i32.add (local.get 3) (i32.const 1)))
                (br_if $inner (i32.lt_u (local.get 3) (local.get 2))))
              (local.set 2 (i32.add (local.get 2) (i32.const 1)))
              (br_if $outer (i32.lt_u (local.get 2) (local.get 0))))
            (global.get $sum) (local.get 4)))"#,
        params: &[Val::I32(7), Val::F64(0x3ff8_0000_0000_0000)],
    },
    Program {
        name: "values of all types below calls and loops",
        text: r#"(module
          (func $id32 (param i32) (result i32) (local.get 0))
          (func $three (param i64) (result i64 f32 i32)
            (i64.mul (local.get 0) (i64.const 3)) (f32.const 2.5) (i32.const -9))
          (func $mix (param i32 i64 f32 f64 i64 f32 i32) (result f64)
            (f64.add (f64.add (f64.convert_i32_s (local.get 0)) (f64.convert_i64_s (local.get 1)))
              (f64.add (f64.add (f64.promote_f32 (local.get 2)) (local.get 3))
                (f64.add (f64.convert_i64_s (local.get 4))
                  (f64.add (f64.promote_f32 (local.get 5)) (f64.convert_i32_s (local.get 6)))))))
          (func (export "run") (param i32 i64 f32 f64) (result f64) (local $n i32)
            (local.get 0) (local.get 1) (local.get 2) (local.get 3)
            (block (param) (loop $l
              (local.set $n (i32.add (local.get $n) (call $id32 (i32.const 1))))
              (br_if $l (i32.lt_s (local.get $n) (i32.const 3)))))
            (local.set 0 (i32.const 1000)) (local.set 1 (i64.const 1000000))
            (call $three (i64.extend_i32_s (local.get $n)))
            (call $mix)))"#,
        params: &[Val::I32(-5), Val::I64(1 << 40), Val::F32(0x3fc0_0000), Val::F64(0x4059_0000_0000_0000)],
    },
    Program {
        name: "indirect calls through a table that changes, and references",
        text: r#"(module (type $f (func (param i32) (result i32)))
          (table $t 4 8 funcref) (elem (i32.const 0) $inc $dbl) (elem declare func $dbl)
          (elem $later funcref (ref.func $inc) (ref.null func))
          (global $g (mut funcref) (ref.null func)) (data $d "hello") (memory 1)
          (func $inc (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
          (func $dbl (param i32) (result i32) (local i32)
            (loop $l (local.set 1 (i32.add (local.get 1) (i32.const 1)))
              (br_if $l (i32.lt_u (local.get 1) (i32.const 2))))
            (i32.mul (local.get 0) (local.get 1)))
          (func (export "run") (param i32) (result i32 i32 i32) (local $r funcref) (local $i i32)
            (local.set $r (ref.func $dbl))
            (table.init $t $later (i32.const 2) (i32.const 0) (i32.const 1))
            (elem.drop $later)
            (memory.init $d (i32.const 3) (i32.const 1) (i32.const 4)) (data.drop $d)
            (loop $l
              (table.set $t (i32.const 3) (local.get $r))
              (global.set $g (table.get $t (i32.const 3)))
              (local.set 0 (call_indirect (type $f)
                (call_indirect (type $f) (local.get 0) (i32.and (local.get $i) (i32.const 3)))
                (i32.const 1)))
              (drop (table.grow $t (ref.null func) (i32.const 1)))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $l (i32.lt_u (local.get $i) (i32.const 5))))
            (local.get 0)
            (i32.add (ref.is_null (global.get $g)) (i32.shl (table.size $t) (i32.const 4)))
            (i32.load (i32.const 3))))"#,
        params: &[Val::I32(3)],
    },
    Program {
        name: "vectors in locals, operands, memory and globals, below calls and loops",
        text: r#"(module (global $g (mut v128) (v128.const i64x2 1 2)) (memory (export "m") 1)
          (global $k v128 (v128.const i32x4 3 -1 4 -1))
          (func $turn (param v128 i32 v128) (result v128 i32 v128) (local v128)
            (local.set 3 (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get 0) (local.get 0)))
            (loop $l
              (local.set 3 (i64x2.add (local.get 3) (local.get 2)))
              (local.set 1 (i32.sub (local.get 1) (i32.const 1)))
              (br_if $l (local.get 1)))
            (local.get 3) (local.get 1) (local.get 0))
          (func (export "run") (param v128 i32) (result v128 i64 v128 v128 f64) (local $a v128) (local $f f64)
            (local.get 0) (i64.const 77) (v128.const i16x8 1 2 3 4 5 6 7 8)
            (loop $l
              (global.set $g (i32x4.add (global.get $g) (local.get 0)))
              (local.get 0)
              (call $turn (local.get 0) (i32.const 2) (v128.xor (global.get $g) (global.get $k)))
              (local.set $a) (drop) (local.set 0) (drop)
              (v128.store (i32.shl (local.get 1) (i32.const 4)) (v128.xor (local.get $a) (local.get 0)))
              (local.set $f (f64.add (local.get $f) (f64x2.extract_lane 1 (f64x2.convert_low_i32x4_s (local.get 0)))))
              (local.set 1 (i32.sub (local.get 1) (i32.const 1)))
              (br_if $l (local.get 1)))
            (global.get $g) (local.get $f)))"#,
        params: &[Val::V128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10), Val::I32(4)],
    },
    Program {
        name: "more arguments and locals than registers",
        text: r#"(module
          (func $many (param i32 i32 i32 i32 i32 i32 i32 i64 i64) (param f32 f32 f32 f32 f32 f32 f32 f32 f32 f64)
              (result i64 f64) (local i64 i64 i64 i64 i64 i64 i64 i64)
            (loop $l (local.set 19 (i64.add (local.get 19) (i64.const 1)))
              (local.set 20 (i64.add (local.get 20) (local.get 19)))
              (local.set 21 (i64.add (local.get 21) (local.get 20)))
              (local.set 22 (i64.xor (local.get 22) (local.get 21)))
              (local.set 23 (i64.add (local.get 23) (local.get 22)))
              (local.set 24 (i64.add (local.get 24) (local.get 23)))
              (local.set 25 (i64.sub (local.get 25) (local.get 24)))
              (local.set 26 (i64.add (local.get 26) (local.get 25)))
              (br_if $l (i64.lt_u (local.get 19) (local.get 7))))
            (i64.add (local.get 26) (i64.add (local.get 8) (i64.extend_i32_s (i32.add (local.get 6) (local.get 0)))))
            (f64.add (local.get 18) (f64.promote_f32 (f32.add (local.get 17) (local.get 9)))))
          (func (export "run") (result i64 f64)
            (call $many (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5) (i32.const 6)
              (i32.const -7) (i64.const 8) (i64.const 9) (f32.const 1) (f32.const 2) (f32.const 3) (f32.const 4)
              (f32.const 5) (f32.const 6) (f32.const 7) (f32.const 8) (f32.const 9.5) (f64.const 10))))"#,
        params: &[],
    },
    Program {
        name: "a memory that grows, and loops with parameters",
        text: r#"(module (memory (export "m") 1 9)
          (func (export "run") (param i32) (result i32 i32)
            (i32.const 40)
            (loop $l (param i32) (result i32)
              (i32.store8 (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)) (local.get 0))
              (drop (memory.grow (i32.const 1)))
              (i32.add (i32.const 3))
              (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
              (br_if $l (local.get 0)))
            (memory.size)))"#,
        params: &[Val::I32(4)],
    },
];
