//! A program's run, from its start or an image to its end or an image.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use midstride_osr::statemap::State;
use midstride_osr::{Frozen, ImageFile, Outcome, PageCheck, Trap, Val, WasiCtx};
use midstride_wasi::Exit;

use super::checkpoint::{Checkpoints, newest};
use super::print::{print, reasons, say};
use super::program::{Program, Start, open};
use super::stops::{Quit, Stops};
use super::times::{Times, timed};
use super::{ProgramArgs, StopArgs};

/// Exit status when a program trapped, as a shell has it for SIGABRT.
const TRAPPED: u8 = 134;
/// A backtrace has this many frames at most.
const SHOWN: usize = 50;

/// A running program and what stops it.
struct Session {
    program: Program,
    stops: Stops,
    image: PathBuf,
    checkpoints: Option<Checkpoints>,
    unsaved: Unsaved,
}

/// What becomes of a program that could not be saved.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unsaved {
    /// It goes on.
    GoesOn,
    /// It ends: it was only started to be saved.
    Ends,
}

/// What has become of it.
enum End {
    Status(ExitCode),
    Frozen,
}

pub(crate) fn run(args: &ProgramArgs, stops: &StopArgs) -> Result<ExitCode> {
    let quit = Quit::noted()?;
    let (program, start) = Program::new(args)?;
    go_on(program, start, quit, stops)
}

pub(crate) fn thaw(image: &Path, module: Option<PathBuf>, trust: bool, stops: &StopArgs) -> Result<ExitCode> {
    let quit = Quit::noted()?;
    // The newest checkpoint was looked at to find that it is whole.
    let (file, known) = if image.is_dir() { (newest(image)?, true) } else { (open(image)?, false) };
    let check = if trust || known { PageCheck::Head } else { PageCheck::All };
    let (program, start) = Program::thaw(&file, module, check)?;
    drop(file);
    go_on(program, start, quit, stops)
}

fn go_on(program: Program, start: Start, quit: Quit, args: &StopArgs) -> Result<ExitCode> {
    let stops = Stops::default();
    let handle = program.instance.freeze_handle();
    stops.on_quit(quit, handle.clone());
    let checkpoints = args.checkpoint_dir.as_deref().map(Checkpoints::new).transpose()?;
    if let (Some(every), Some(_)) = (args.checkpoint_every, &checkpoints) {
        stops.every(every, handle);
    }
    let mut session =
        Session { program, stops, image: args.freeze_to.clone(), checkpoints, unsaved: Unsaved::GoesOn };
    let (end, run) = timed(|| session.drive(start));
    if let Some(path) = &args.times {
        let Program { instance, compile, .. } = &session.program;
        Times::new(instance.module(), &[*compile], Some(run)).write(path)?;
    }
    match end? {
        End::Status(status) => Ok(status),
        End::Frozen => Ok(ExitCode::SUCCESS),
    }
}

pub(crate) fn freeze(args: &ProgramArgs, after: Duration, image: PathBuf) -> Result<ExitCode> {
    // Now, and not when the program has run for hours.
    ImageFile::can_be_saved_to(&image).with_context(|| image.display().to_string())?;
    let (program, start) = Program::new(args)?;
    let stops = Stops::default();
    stops.after(after, program.instance.freeze_handle());
    let mut session = Session { program, stops, image, checkpoints: None, unsaved: Unsaved::Ends };
    match session.drive(start)? {
        End::Frozen => Ok(ExitCode::SUCCESS),
        End::Status(status) => {
            say("the program ended before it was frozen");
            Ok(status)
        }
    }
}

impl Session {
    fn drive(&mut self, start: Start) -> Result<End> {
        let mut next = start;
        loop {
            match next.run() {
                Ok(Outcome::Done(results)) => {
                    results.iter().try_for_each(|value| print(show(value) + "\n"))?;
                    return Ok(End::Status(ExitCode::SUCCESS));
                }
                Ok(Outcome::Frozen(mut frozen)) => {
                    let last = self.stops.is_last();
                    match self.save(&mut frozen, last) {
                        Ok(()) if last => return Ok(End::Frozen),
                        Ok(()) => {}
                        Err(error) if self.unsaved == Unsaved::Ends => return Err(error),
                        Err(error) => {
                            say(format_args!("not saved, the program goes on: {}", reasons(&error)))
                        }
                    }
                    self.stops.again();
                    next = Start::Resume(frozen);
                }
                Err(trap) => return Ok(End::Status(self.ended(&trap))),
            }
        }
    }

    /// Writes an image or a checkpoint.
    fn save(&mut self, frozen: &mut Frozen, last: bool) -> Result<()> {
        self.program.complete(frozen)?;
        if last {
            let bytes = frozen.save(&self.image).with_context(|| self.image.display().to_string())?;
            say(format_args!("frozen to {} ({bytes} bytes)", self.image.display()));
        } else if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.save(frozen)?;
        }
        Ok(())
    }

    /// The status of a program that has not returned.
    fn ended(&self, trap: &Trap) -> ExitCode {
        if let Some(Exit::Process { code }) = WasiCtx::exit_of(trap) {
            return ExitCode::from(code as u8);
        }
        let frames = match self.program.instance.frozen().state() {
            Ok(state) => show_frames(&self.program.instance.frozen(), state),
            Err(_) => format!("{trap:?}"),
        };
        say(format_args!("trap: {trap}\n{}", frames.trim_end()));
        ExitCode::from(TRAPPED)
    }
}

/// The youngest frames, with locals and operands.
fn show_frames(frozen: &Frozen, mut state: State) -> String {
    let mut hidden = 0;
    if let Some(activation) = state.activations.last_mut() {
        hidden = activation.frames.len().saturating_sub(SHOWN);
        activation.frames.drain(..hidden);
    }
    let rest = if hidden > 0 { format!("   and {hidden} older frames") } else { String::new() };
    format!("{}{rest}", state.backtrace(frozen.instance().module()))
}

fn show(value: &Val) -> String {
    match value {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(bits) => f32::from_bits(*bits).to_string(),
        Val::F64(bits) => f64::from_bits(*bits).to_string(),
        Val::V128(bits) => format!("{bits:#034x}"),
        reference => format!("{reference:?}"),
    }
}
