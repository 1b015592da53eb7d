//! What freezing costs: how long the program stands still, what it loses afterwards, how soon an image
//! runs again. `cargo bench -p midstride-osr --bench freeze`.

use std::error::Error;
use std::time::{Duration, Instant};

use midstride_osr::{Config, Engine, ImageFile, Instance, Linker, Module, Outcome, PageCheck, Val};

/// Writes a byte to every page of its memory, forward and again for each turn.
const TEXT: &str = r#"(module (memory 16 65536)
    (func (export "grow") (param i32) (drop (memory.grow (local.get 0))))
    (func (export "touch") (param i32) (local i32)
      (loop $page
        (i32.store (local.get 1) (i32.add (local.get 1) (i32.const 1)))
        (local.set 1 (i32.add (local.get 1) (i32.const 4096)))
        (br_if $page (i32.lt_u (local.get 1) (local.get 0)))))
    (func (export "rest") (loop)))"#;

/// Megabytes.
const SIZES: [u32; 3] = [1, 64, 1024];

/// One size's times.
struct Times {
    touch: Duration,
    state: Duration,
    fork: Duration,
    touch_copied: Duration,
    saved: Duration,
    bytes: u64,
    thawed: Duration,
}

fn main() -> Result<(), Box<dyn Error>> {
    let module = Module::new(&Engine::new(Config::default())?, TEXT)?;
    for huge in [true, false] {
        if !huge {
            without_huge_pages();
        }
        println!("huge pages: {huge} (from 16 MiB on)");
        println!("   MiB  touch  state   fork  touch again    saved    bytes  thaw");
        for mebibytes in SIZES {
            let t = measure(&module, mebibytes)?;
            println!(
                "{mebibytes:6} {:?} {:?} {:?} {:?} {:?} {} {:?}",
                t.touch, t.state, t.fork, t.touch_copied, t.saved, t.bytes, t.thawed
            );
        }
    }
    Ok(())
}

fn without_huge_pages() {
    const PR_SET_THP_DISABLE: libc::c_int = 41;
    // SAFETY: it changes how memory is made, and none that is there.
    unsafe { libc::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) };
}

fn timed<T>(action: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (action(), start.elapsed())
}

fn call(instance: &Instance, name: &str, params: &[Val]) -> Result<Outcome, Box<dyn Error>> {
    Ok(instance.get_func(name).ok_or("no such function")?.run(params)?)
}

fn measure(module: &Module, mebibytes: u32) -> Result<Times, Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("image");
    let instance = Linker::new().instantiate(module)?;
    call(&instance, "grow", &[Val::I32((mebibytes * 16 - 16).cast_signed())])?;
    let all = [Val::I32((mebibytes << 20).cast_signed())];
    call(&instance, "touch", &all)?;
    let (_, touch) = timed(|| call(&instance, "touch", &all));
    instance.freeze_handle().freeze_at_poll(2);
    let frozen = call(&instance, "rest", &[])?.frozen().ok_or("it was not frozen")?;
    let (read, state) = timed(|| frozen.state());
    read?;
    let begun = Instant::now();
    let (saving, fork) = timed(|| frozen.save_in_background(&path));
    let saving = saving?;
    frozen.resume()?;
    let (_, touch_copied) = timed(|| call(&instance, "touch", &all));
    saving.wait()?;
    let saved = begun.elapsed();
    let bytes = std::fs::metadata(&path)?.len();
    let (thawed, time) = timed(|| -> Result<Outcome, Box<dyn Error>> {
        let file = ImageFile::open(&path)?;
        Ok(Linker::new().thaw_file(module, &file, PageCheck::Head)?.resume()?)
    });
    thawed?;
    Ok(Times { touch, state, fork, touch_copied, saved, bytes, thawed: time })
}
