//! Running: orders, what comes of them, and what changed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use midstride_control::{CodePoint, Controller, Event as Control, ExitKind, ExitPoint, InsnId};
use midstride_os::signal::{SIGINT, signal_name};

use super::{Session, Sink};
use crate::error::Error;
use crate::event::{Event, Fault, Why};

/// What the program was told to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    Run,
    Step,
}

/// How often the interrupt flag is looked at.
const TICK: Duration = Duration::from_millis(20);

/// Steps of which each is shown.
const SHOWN_STEPS: u64 = 64;

/// Instructions shown on either side of one that faulted.
const AROUND: usize = 2;

impl Session {
    /// Runs from an instruction until control leaves the program or something stops it.
    pub(super) fn run_from(&mut self, id: InsnId, sink: Sink<'_>) -> Result<(), Error> {
        self.before = self.state()?.registers;
        self.control.run(id)?;
        self.follow(Order::Run, sink)
    }

    /// Runs from the start.
    pub(crate) fn run(&mut self, sink: Sink<'_>) -> Result<(), Error> {
        let start = self.listing.start().ok_or(Error::Nothing { what: "run" })?.id;
        self.remember()?;
        self.run_from(start, sink)
    }

    /// Goes on where the program is; waits for one that runs.
    pub(crate) fn go_on(&mut self, sink: Sink<'_>) -> Result<(), Error> {
        if self.running {
            return self.follow(Order::Run, sink);
        }
        self.remember()?;
        self.before = self.state()?.registers;
        self.control.resume()?;
        self.follow(Order::Run, sink)
    }

    /// Carries out instructions, from the start if the program is nowhere.
    pub(crate) fn step(&mut self, count: u64, sink: Sink<'_>) -> Result<(), Error> {
        self.enter()?;
        self.remember()?;
        let (shown, rest) = (count.min(SHOWN_STEPS), count.saturating_sub(SHOWN_STEPS));
        for _ in 0..shown {
            self.before = self.state()?.registers;
            self.control.step(1)?;
            self.follow(Order::Step, sink)?;
            if !matches!(self.control.state()?.point, CodePoint::At(_)) {
                return Ok(());
            }
        }
        if rest > 0 {
            self.before = self.state()?.registers;
            self.control.step(rest)?;
            self.follow(Order::Step, sink)?;
        }
        Ok(())
    }

    /// Moves to the start if the program is nowhere or has left.
    pub(crate) fn enter(&mut self) -> Result<(), Error> {
        if matches!(self.control.state()?.point, CodePoint::At(_) | CodePoint::Inside { .. }) {
            return Ok(());
        }
        let start = self.listing.start().ok_or(Error::Nothing { what: "step" })?.id;
        self.move_to(start)
    }

    pub(super) fn move_to(&self, id: InsnId) -> Result<(), Error> {
        Ok(self.control.change(Box::new(move |state| state.point = CodePoint::At(id)))?)
    }

    /// Goes on, from the start if the program is nowhere, without waiting for it.
    pub(crate) fn go(&mut self, sink: Sink<'_>) -> Result<(), Error> {
        self.enter()?;
        self.remember()?;
        self.before = self.state()?.registers;
        self.control.resume()?;
        self.running = true;
        sink(Event::Text("running; `stop` stops it, `continue` waits for it".to_owned()));
        Ok(())
    }

    /// Stops what runs without being waited for.
    pub(crate) fn stop(&mut self, sink: Sink<'_>) -> Result<(), Error> {
        if !self.running {
            return Err(Error::Nothing { what: "stop" });
        }
        self.control.interrupt()?;
        self.follow(Order::Run, sink)
    }

    /// Tells what a program that runs without being waited for has come to meanwhile; says whether it stands still
    /// since then.
    pub(crate) fn catch_up(&mut self, sink: Sink<'_>) -> Result<bool, Error> {
        while let Some(event) = self.control.events().try_next().filter(|_| self.running) {
            if let Some(last) = self.digest(event, Order::Run, sink)? {
                self.finish(&last, sink)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Waits for the end of an order, and tells what came of it.
    fn follow(&mut self, order: Order, sink: Sink<'_>) -> Result<(), Error> {
        loop {
            let event = self.wait()?;
            if let Some(last) = self.digest(event, order, sink)? {
                return self.finish(&last, sink);
            }
        }
    }

    /// Goes on where an event is none to stop for; gives back others.
    fn digest(&self, event: Control, order: Order, sink: Sink<'_>) -> Result<Option<Control>, Error> {
        match event {
            Control::Syscall { number, args, .. } => sink(Event::Syscall { number, args }),
            // Ctrl-C reaches a process of its own too.
            Control::Fault(fault) if fault.signal == SIGINT => {
                return Ok(Some(Control::Stopped { at: fault.at }));
            }
            Control::Fault(ref fault) => match self.landing(fault.at) {
                Some(id) => self.move_to(id)?,
                None => return Ok(Some(event)),
            },
            event => return Ok(Some(event)),
        }
        match order {
            Order::Run => self.control.resume()?,
            Order::Step => self.control.step(1)?,
        }
        Ok(None)
    }

    fn finish(&mut self, event: &Control, sink: Sink<'_>) -> Result<(), Error> {
        self.running = false;
        // Of a task that is gone there are no registers.
        if !matches!(event, Control::Killed(_)) {
            self.tell_changes(sink)?;
        }
        self.conclude(event, sink)
    }

    /// The instruction that an address of the listing names, when the program jumped there.
    fn landing(&self, at: CodePoint) -> Option<InsnId> {
        match at {
            CodePoint::Outside(pc) => Some(self.listing.at(pc)?.id),
            _ => None,
        }
    }

    /// The next event; stops the program when the flag is set.
    pub(super) fn wait(&self) -> Result<Control, Error> {
        loop {
            if let Some(event) = self.control.wait(TICK) {
                self.interrupt.store(false, Ordering::Relaxed);
                return Ok(event);
            }
            if self.interrupt.swap(false, Ordering::Relaxed) {
                self.control.interrupt()?;
            }
        }
    }

    fn tell_changes(&self, sink: Sink<'_>) -> Result<(), Error> {
        let now = self.state()?.registers;
        let changes = now.changes(&self.before);
        if changes.is_empty() {
            sink(Event::Unchanged);
        }
        changes.iter().for_each(|change| sink(Event::Changed(change)));
        Ok(())
    }

    pub(super) fn conclude(&mut self, event: &Control, sink: Sink<'_>) -> Result<(), Error> {
        match event {
            Control::Step { at } => self.tell_place(*at, Why::Step, sink),
            Control::Stopped { at } => self.tell_place(*at, Why::Interrupted, sink),
            Control::Breakpoint { insn } => self.tell_place(CodePoint::At(*insn), Why::Breakpoint, sink),
            Control::Refused { insn, reason } => {
                self.ended_badly = true;
                sink(Event::Text(format!("refused: {reason}")));
                self.tell_place(CodePoint::At(*insn), Why::Refused, sink);
            }
            Control::Exit(exit) => sink(Event::Ended { how: self.describe_exit(*exit) }),
            Control::Fault(fault) if fault.at == CodePoint::Outside(self.place.way_out()) => {
                self.control.cancel()?;
                self.drain();
                sink(Event::Ended { how: "returned".to_owned() });
            }
            Control::Fault(fault) => {
                self.ended_badly = true;
                sink(Event::Fault(self.describe_fault(fault)));
            }
            Control::Killed(death) => {
                self.ended_badly = true;
                sink(Event::Killed { how: death.to_string() });
                self.restore_place()?;
            }
            other => sink(Event::Text(other.to_string())),
        }
        Ok(())
    }

    pub(super) fn tell_place(&self, at: CodePoint, why: Why, sink: Sink<'_>) {
        let line = match at {
            CodePoint::At(id) => self.listing.line(id),
            _ => None,
        };
        match (line, at) {
            (Some(line), _) => sink(Event::At { why, code: self.code(line) }),
            (None, CodePoint::Exit(exit)) => sink(Event::Ended { how: self.describe_exit(exit) }),
            (None, at) => sink(Event::Text(format!("the program is {}", self.describe(at)))),
        }
    }

    fn describe_exit(&self, exit: ExitPoint) -> String {
        let text = self.listing.line(exit.insn).map_or("", |line| line.text.as_str());
        let is_last = self.listing.lines.last().is_some_and(|line| line.id == exit.insn);
        match exit.kind {
            ExitKind::Next if is_last => "end".to_owned(),
            ExitKind::Next => format!("left behind `{text}`"),
            ExitKind::Jump => format!("left by `{text}`"),
            ExitKind::Body => "left in the place of an instruction that is gone".to_owned(),
        }
    }

    /// A place in words, with addresses of the listing.
    pub(super) fn describe(&self, at: CodePoint) -> String {
        match (at, self.address_of(at)) {
            (CodePoint::Outside(pc), _) => format!("at {pc:#x}, outside of its code"),
            (CodePoint::Nowhere, _) => "nowhere yet".to_owned(),
            (CodePoint::Inside { .. }, Some(address)) => format!("at {address:#x}, inside of an instruction"),
            (_, Some(address)) => format!("at {address:#x}"),
            (other, None) => other.to_string(),
        }
    }

    fn describe_fault(&self, fault: &midstride_control::Fault) -> Fault {
        let at = self.address_of(fault.at);
        let nth = self.listing.lines.iter().position(|line| Some(line.address) == at);
        let around = nth
            .map_or(0..0, |nth| nth.saturating_sub(AROUND)..(nth + AROUND + 1).min(self.listing.lines.len()));
        let mut around: Vec<_> = self.listing.lines[around].iter().map(|line| self.code(line)).collect();
        around.iter_mut().for_each(|code| code.here = Some(code.address) == at);
        let own_address = fault.registers.gpr.rip == fault.address;
        Fault {
            signal: signal_name(fault.signal).map_or_else(|| fault.signal.to_string(), str::to_owned),
            code: fault.code,
            address: at.filter(|_| own_address).unwrap_or(fault.address),
            insn: nth.map(|nth| self.code(&self.listing.lines[nth])),
            place: self.describe(fault.at),
            around,
        }
    }
}
