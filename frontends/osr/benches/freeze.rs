//! What freezing costs: how long the program stands still, what it loses afterwards, how soon an image
//! runs again. `cargo bench -p midstride-osr --bench freeze`; `-- --json` for programs, `--rounds N` for more.

use std::error::Error;
use std::time::{Duration, Instant};

use clap::Parser;
use midstride_osr::{Config, Engine, ImageFile, Instance, Linker, Module, Outcome, PageCheck, Val};
use serde::Serialize;

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

/// What it is asked.
#[derive(Parser)]
struct Args {
    /// One JSON object.
    #[arg(long)]
    json: bool,
    /// How often each size is measured.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One size's times, of each round.
#[derive(Default, Serialize)]
struct Row {
    /// Pages that the kernel gives memory in, where it can.
    pages: &'static str,
    mebibytes: u32,
    image_bytes: u64,
    /// Writing to every 4 KiB of it.
    touch_ns: Vec<u64>,
    /// Reading the frames, which is part of the pause.
    state_ns: Vec<u64>,
    /// From the decision to save until the program goes on.
    pause_ns: Vec<u64>,
    /// Writing to every 4 KiB of it while the image is being written.
    touch_copied_ns: Vec<u64>,
    /// Until the image is on the disk.
    saved_ns: Vec<u64>,
    /// From opening the image to the end of the program's last few instructions.
    thaw_ns: Vec<u64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let module = Module::new(&Engine::new(Config::default())?, TEXT)?;
    let mut rows = Vec::new();
    for pages in ["huge", "4 KiB"] {
        if pages == "4 KiB" {
            without_huge_pages();
        }
        for mebibytes in SIZES {
            let mut row = Row { pages, mebibytes, ..Row::default() };
            for _ in 0..args.rounds {
                measure(&module, &mut row)?;
            }
            rows.push(row);
        }
    }
    if args.json {
        println!("{}", serde_json::to_string(&rows)?);
    } else {
        rows.iter().for_each(print);
    }
    Ok(())
}

/// The fastest round.
fn print(row: &Row) {
    let best = |times: &[u64]| Duration::from_nanos(times.iter().copied().min().unwrap_or_default());
    println!(
        "{:5} pages, {:4} MiB: touch {:?}, state {:?}, pause {:?}, touch again {:?}, saved {:?}, {} bytes, thaw {:?}",
        row.pages,
        row.mebibytes,
        best(&row.touch_ns),
        best(&row.state_ns),
        best(&row.pause_ns),
        best(&row.touch_copied_ns),
        best(&row.saved_ns),
        row.image_bytes,
        best(&row.thaw_ns)
    );
}

fn without_huge_pages() {
    const PR_SET_THP_DISABLE: libc::c_int = 41;
    // SAFETY: it changes how memory is made, and none that is there.
    unsafe { libc::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) };
}

fn timed<T>(times: &mut Vec<u64>, action: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = action();
    times.push(start.elapsed().as_nanos() as u64);
    result
}

fn call(instance: &Instance, name: &str, params: &[Val]) -> Result<Outcome, Box<dyn Error>> {
    Ok(instance.get_func(name).ok_or("no such function")?.run(params)?)
}

fn measure(module: &Module, row: &mut Row) -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("image");
    let instance = Linker::new().instantiate(module)?;
    call(&instance, "grow", &[Val::I32((row.mebibytes * 16 - 16).cast_signed())])?;
    let all = [Val::I32((row.mebibytes << 20).cast_signed())];
    call(&instance, "touch", &all)?;
    timed(&mut row.touch_ns, || call(&instance, "touch", &all))?;
    instance.freeze_handle().freeze_at_poll(2);
    let frozen = call(&instance, "rest", &[])?.frozen().ok_or("it was not frozen")?;
    timed(&mut row.state_ns, || frozen.state())?;
    let begun = Instant::now();
    let saving = timed(&mut row.pause_ns, || frozen.save_in_background(&path))?;
    frozen.resume()?;
    timed(&mut row.touch_copied_ns, || call(&instance, "touch", &all))?;
    saving.wait()?;
    row.saved_ns.push(begun.elapsed().as_nanos() as u64);
    row.image_bytes = std::fs::metadata(&path)?.len();
    timed(&mut row.thaw_ns, || -> Result<Outcome, Box<dyn Error>> {
        let file = ImageFile::open(&path)?;
        Ok(Linker::new().thaw_file(module, &file, PageCheck::Head)?.resume()?)
    })?;
    Ok(())
}
