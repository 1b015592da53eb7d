//! How long code takes.

use std::time::{Duration, Instant};

use midstride_control::{Backend, Controller, Event, Session as Control};

use super::listing::Listing;
use super::{Session, Sink};
use crate::error::Error;
use crate::event::Event as Told;

/// Samples of one measurement.
const SAMPLES: usize = 15;
/// The shortest sample: long enough that starting and stopping do not count.
const SAMPLE: Duration = Duration::from_millis(20);
/// Copies of the code in a row, so that counting them hardly counts.
const COPIES: u64 = 100;
/// Bytes that all copies may have: they should stay in the processor's nearest caches.
const MAX_BYTES: usize = 16 << 10;
/// Rounds at most.
const MAX_ROUNDS: u64 = 1 << 40;

impl Session {
    /// Measures how long `text`, or else the whole program, takes: many copies in a row, many times over. State and
    /// program are as before when it is done.
    pub(crate) fn bench(&mut self, text: &str, sink: Sink<'_>) -> Result<(), Error> {
        let text = if text.is_empty() { self.listing.source.clone() } else { text.to_owned() };
        let snapshot = self.snapshot()?;
        let usual = self.go_native()?;
        let measured = self.measure(&text, sink);
        if let Some(usual) = usual {
            self.control.cancel()?;
            self.control = usual;
        }
        self.restore(snapshot)?;
        measured
    }

    /// Where instructions are run one by one, others in this process run them natively, in the same memory. Gives
    /// back the controller that is to be put back.
    fn go_native(&mut self) -> Result<Option<Control>, Error> {
        if self.backend() != Backend::Translated {
            return Ok(None);
        }
        let registers = self.state()?.registers;
        let native = super::start::start_control(Backend::Signal, self.trust)?;
        let usual = std::mem::replace(&mut self.control, native);
        self.put_registers(registers)?;
        Ok(Some(usual))
    }

    fn measure(&mut self, text: &str, sink: Sink<'_>) -> Result<(), Error> {
        let alone = Listing::empty(self.place.base).with_source(format!("{text}\n"), 0)?;
        if alone.lines.is_empty() {
            return Err(Error::Nothing { what: "measure" });
        }
        let shared = alone.assembly.labels.keys().any(|label| !label.starts_with('.'));
        let room = (MAX_BYTES / alone.assembly.bytes().len().max(1)).max(1) as u64;
        let copies = if shared { 1 } else { COPIES.min(room) };
        let listing = Listing::empty(self.place.base).with_source(looped(text, copies), 0)?;
        self.install(listing)?;
        let mut rounds = 1;
        while let Some(time) = self.time(rounds, sink)? {
            if time >= SAMPLE || rounds >= MAX_ROUNDS {
                return self.sample(rounds, copies, sink);
            }
            // Ten times as many at most: the first rounds are slow.
            let wanted = SAMPLE.as_nanos() as u64 * 5 / 4 * rounds / (time.as_nanos() as u64).max(1);
            rounds = wanted.clamp(rounds + 1, rounds * 10);
        }
        Ok(())
    }

    fn sample(&mut self, rounds: u64, copies: u64, sink: Sink<'_>) -> Result<(), Error> {
        let mut times = Vec::with_capacity(SAMPLES);
        for _ in 0..SAMPLES {
            let Some(time) = self.time(rounds, sink)? else { return Ok(()) };
            times.push(time);
        }
        times.sort();
        let runs = rounds * copies;
        let each = |time: Duration| time.as_secs_f64() * 1e9 / runs as f64;
        let (min, median) = (each(times[0]), each(times[SAMPLES / 2]));
        sink(Told::Bench { min, median, samples: SAMPLES, runs });
        Ok(())
    }

    /// The time of so many rounds; `None` when the code did not reach its end, which is told.
    fn time(&mut self, rounds: u64, sink: Sink<'_>) -> Result<Option<Duration>, Error> {
        let counter = self.listing.assembly.labels[COUNTER];
        self.control.write(counter, &rounds.to_le_bytes())?;
        let first = self.listing.lines[0].id;
        let start = Instant::now();
        self.control.run(first)?;
        let event = self.wait()?;
        let time = start.elapsed();
        match event {
            Event::Exit(_) => Ok(Some(time)),
            Event::Syscall { .. } => {
                sink(Told::Text("code with system calls is not measured".to_owned()));
                Ok(None)
            }
            other => {
                self.conclude(&other, sink)?;
                Ok(None)
            }
        }
    }
}

/// The label of the counter; no name that people choose.
const COUNTER: &str = "bench?rounds";

/// Copies of a text in a loop that counts in memory: no register is used.
fn looped(text: &str, copies: u64) -> String {
    let mut source = String::from("bench?loop:\n");
    for copy in 0..copies {
        source += &format!("bench?copy{copy}:\n{text}\n");
    }
    source
        + &format!(
            "dec qword ptr [{COUNTER}]\njnz bench?loop\njmp bench?end\n.align 8\n{COUNTER}: dq 0\nbench?end:\n"
        )
}
