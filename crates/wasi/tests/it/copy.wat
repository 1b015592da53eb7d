;; Copies the file "in" to the file "out", 7 bytes at a time, and to its output; ends with the bytes' number.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "in")
  (data (i32.const 8) "out")
  ;; A buffer: its address and its length.
  (data (i32.const 16) "\00\01\00\00\07\00\00\00")
  (func $check (param i32)
    (if (local.get 0) (then (call $exit (i32.add (i32.const 100) (local.get 0))))))
  ;; Opens the name at an address, for reading (0) or writing, new (1).
  (func $opened (param $name i32) (param $length i32) (param $new i32) (result i32)
    (call $check (call $open (i32.const 3) (i32.const 0) (local.get $name) (local.get $length)
      (local.get $new) (select (i64.const 64) (i64.const 2) (local.get $new)) (i64.const 0) (i32.const 0)
      (i32.const 24)))
    (i32.load (i32.const 24)))
  (func (export "_start") (local $in i32) (local $out i32) (local $count i32) (local $sum i32)
    (local.set $in (call $opened (i32.const 0) (i32.const 2) (i32.const 0)))
    (local.set $out (call $opened (i32.const 8) (i32.const 3) (i32.const 1)))
    (loop $again
      (i32.store (i32.const 20) (i32.const 7))
      (call $check (call $read (local.get $in) (i32.const 16) (i32.const 1) (i32.const 28)))
      (local.set $count (i32.load (i32.const 28)))
      (if (i32.eqz (local.get $count)) (then (call $exit (local.get $sum))))
      (local.set $sum (i32.add (local.get $sum) (local.get $count)))
      (i32.store (i32.const 20) (local.get $count))
      (call $check (call $write (local.get $out) (i32.const 16) (i32.const 1) (i32.const 28)))
      (call $check (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 28)))
      (br $again))))
