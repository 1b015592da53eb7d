//! A controller with programs written by the instruction writer.

use std::time::Duration;

use midstride_addr::{AppPc, CachePc};
use midstride_asm::Writer;
use midstride_control::{
    Controller, Edit, Event, ExitKind, ExitPoint, Fault, InsnId, Options, Program, Registers, Session, State,
};

use crate::conformance::Setup;

/// Longer than anything takes, on the busiest machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) fn id(number: u32) -> InsnId {
    InsnId::new(number)
}

/// Machine code.
pub(crate) fn code(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut room = [0; 4096];
    let mut w = Writer::new(&mut room, CachePc::new(0));
    write(&mut w);
    w.finish().unwrap().bytes().to_vec()
}

/// A program from code; identities are offsets.
pub(crate) fn program(write: impl FnOnce(&mut Writer<'_>)) -> Program {
    Program::from_code(&code(write), AppPc::new(0))
}

pub(crate) struct Lab {
    pub(crate) session: Session,
}

impl Lab {
    pub(crate) fn new(setup: Setup) -> Self {
        Self::with(setup, Options::default())
    }

    pub(crate) fn with(setup: Setup, options: Options) -> Self {
        let options = Options { patience: LONG, steps: setup.steps, ..options };
        // SAFETY: programs of tests change only memory that is theirs, or provoke faults.
        let session = unsafe { Session::start(setup.backend, options) }.unwrap();
        Self { session }
    }

    /// With a program.
    pub(crate) fn loaded(setup: Setup, write: impl FnOnce(&mut Writer<'_>)) -> Self {
        let lab = Self::new(setup);
        lab.session.load(program(write)).unwrap();
        lab
    }

    pub(crate) fn event(&self) -> Event {
        self.session.wait(LONG).expect("an event")
    }

    /// Runs from the start to the next event.
    pub(crate) fn run(&self) -> Event {
        self.run_from(0)
    }

    pub(crate) fn run_from(&self, from: u32) -> Event {
        self.session.run(id(from)).unwrap();
        self.event()
    }

    pub(crate) fn resume(&self) -> Event {
        self.session.resume().unwrap();
        self.event()
    }

    pub(crate) fn step(&self, count: u64) -> Event {
        self.session.step(count).unwrap();
        self.event()
    }

    /// Runs from the start; it has to fault.
    pub(crate) fn fault(&self) -> Box<Fault> {
        fault(self.run())
    }

    pub(crate) fn state(&self) -> State {
        self.session.state().unwrap()
    }

    pub(crate) fn registers(&self) -> Registers {
        self.state().registers
    }

    pub(crate) fn edit(&self, edit: impl FnOnce(&mut State) + Send + 'static) {
        self.session.change(Box::new(edit) as Edit).unwrap();
    }

    /// Changes registers.
    pub(crate) fn set(&self, edit: impl FnOnce(&mut Registers) + Send + 'static) {
        self.edit(|state| edit(&mut state.registers));
    }
}

pub(crate) fn fault(event: Event) -> Box<Fault> {
    match event {
        Event::Fault(fault) => fault,
        other => panic!("{other:?}"),
    }
}

/// The exit behind an instruction.
pub(crate) fn fell_off(insn: u32) -> Event {
    Event::Exit(ExitPoint { insn: id(insn), kind: ExitKind::Next })
}

/// The exit by a jump of an instruction.
pub(crate) fn jumped_out(insn: u32) -> Event {
    Event::Exit(ExitPoint { insn: id(insn), kind: ExitKind::Jump })
}
