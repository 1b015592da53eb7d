//! What compiling and running take.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use midstride_osr::Module;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// Times, and the sizes that go with them, for programs to read.
#[derive(Serialize, Debug)]
pub(crate) struct Times {
    /// Of each time that the module was compiled.
    compile_ns: Vec<u64>,
    /// From its start, or that of the image, to its end.
    run_ns: Option<u64>,
    code_bytes: usize,
    map_bytes: usize,
}

impl Times {
    pub(crate) fn new(module: &Module, compile: &[Duration], run: Option<Duration>) -> Self {
        let (code_bytes, map_bytes) = module.sizes();
        let compile_ns = compile.iter().map(nanoseconds).collect();
        Self { compile_ns, run_ns: run.as_ref().map(nanoseconds), code_bytes, map_bytes }
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(self)? + "\n";
        fs::write(path, text).with_context(|| path.display().to_string())
    }
}

fn nanoseconds(time: &Duration) -> u64 {
    time.as_nanos() as u64
}

/// The result, and the processor time that this thread needed for it: what other programs take is not in it.
pub(crate) fn timed<T>(action: impl FnOnce() -> T) -> (T, Duration) {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
    };
    let begun = now();
    let result = action();
    (result, now() - begun)
}
