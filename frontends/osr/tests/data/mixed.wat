(module (memory 1)
 (func $fib (export "fib") (param i32) (result i32)
  (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
   (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
 (func (export "sum") (param $n i64) (result i64) (local $i i64) (local $s i64)
   (loop $l
     (local.set $s (i64.add (local.get $s) (i64.xor (local.get $i) (i64.shr_u (local.get $s) (i64.const 3)))))
     (local.set $i (i64.add (local.get $i) (i64.const 1)))
     (br_if $l (i64.lt_u (local.get $i) (local.get $n))))
   (local.get $s))
 (func (export "sieve") (param $n i32) (param $rounds i32) (result i32) (local $i i32) (local $j i32) (local $c i32)
   (loop $r
   (local.set $c (i32.const 0))
   (memory.fill (i32.const 0) (i32.const 1) (local.get $n))
   (local.set $i (i32.const 2))
   (loop $o
     (if (i32.load8_u (local.get $i)) (then
       (local.set $c (i32.add (local.get $c) (i32.const 1)))
       (local.set $j (i32.add (local.get $i) (local.get $i)))
       (block $done (loop $m
         (br_if $done (i32.ge_u (local.get $j) (local.get $n)))
         (i32.store8 (local.get $j) (i32.const 0))
         (local.set $j (i32.add (local.get $j) (local.get $i)))
         (br $m)))))
     (local.set $i (i32.add (local.get $i) (i32.const 1)))
     (br_if $o (i32.lt_u (local.get $i) (local.get $n))))
   (br_if $r (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
   (local.get $c)))
