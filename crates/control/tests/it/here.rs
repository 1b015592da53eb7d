//! Programs in the thread that asks for them.

use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use midstride_control::{
    Activity, Backend, CodePoint, ControlError, Controller, Event, Options, Session, State,
};
use midstride_os::signal::{MaskHow, SigSet, rt_sigprocmask, sigaltstack};

use crate::lab::{LONG, fell_off, id, program};

fn here(backend: Backend) -> Session {
    let options =
        Options { patience: LONG, affinity: midstride_control::Affinity::Free, ..Options::default() };
    // SAFETY: programs of tests change only memory that is theirs.
    unsafe { Session::here(backend, options) }.unwrap()
}

fn counting() -> midstride_control::Program {
    program(|w| {
        let again = w.new_label();
        w.bind(again);
        w.inc_r(midstride_asm::Width::W64, midstride_asm::Gpr::Rax);
        w.jmp_short(again);
    })
}

#[test]
fn programs_run_while_their_thread_waits() {
    for backend in Backend::ALL {
        let session = here(backend);
        session.load(program(|w| w.inc_r(midstride_asm::Width::W64, midstride_asm::Gpr::Rax))).unwrap();
        session.run(id(0)).unwrap();
        assert_eq!(session.state().unwrap().registers.gpr.rax, 0);
        assert_eq!(session.wait(LONG), Some(fell_off(0)));
        assert_eq!(session.state().unwrap().registers.gpr.rax, 1);
    }
}

#[test]
fn waiting_ends_when_time_is_up_and_goes_on() {
    for backend in Backend::ALL {
        let session = here(backend);
        session.load(counting()).unwrap();
        session.run(id(0)).unwrap();
        let start = Instant::now();
        assert_eq!(session.wait(Duration::from_millis(5)), None);
        assert!(start.elapsed() >= Duration::from_millis(5));
        let first = session.state().unwrap();
        assert_eq!(first.activity, Activity::Running);
        assert!(first.registers.gpr.rax > 0);
        assert_eq!(session.wait(Duration::from_millis(5)), None);
        assert!(session.state().unwrap().registers.gpr.rax > first.registers.gpr.rax);
        session.interrupt().unwrap();
        assert!(matches!(session.wait(LONG), Some(Event::Stopped { at: CodePoint::At(_) })));
    }
}

#[test]
fn other_threads_give_orders_while_it_waits() {
    for backend in Backend::ALL {
        let session = here(backend);
        session.load(counting()).unwrap();
        session.run(id(0)).unwrap();
        scope(|scope| {
            scope.spawn(|| {
                while session.state().unwrap().registers.gpr.rax == 0 {}
                session.change(Box::new(|state| state.registers.gpr.rbx = 5)).unwrap();
                session.interrupt().unwrap();
            });
            assert!(matches!(session.wait(LONG), Some(Event::Stopped { .. })));
        });
        assert_eq!(session.state().unwrap().registers.gpr.rbx, 5);
    }
}

#[test]
fn orders_of_others_wait_for_the_thread() {
    let options = Options { patience: Duration::from_millis(20), ..Options::default() };
    // SAFETY: nothing is run.
    let session = unsafe { Session::here(Backend::Translated, options) }.unwrap();
    scope(|scope| {
        let asked = scope.spawn(|| session.state().map(drop));
        assert_eq!(asked.join().unwrap(), Err(ControlError::NoAnswer { waited: options.patience }));
    });
}

#[test]
fn the_thread_is_left_as_it_was() {
    let ask = || {
        // SAFETY: asks only.
        let stack = unsafe { sigaltstack(None) }.unwrap();
        (stack, rt_sigprocmask(MaskHow::Block, None).unwrap())
    };
    let before = ask();
    let session = here(Backend::Signal);
    session.load(counting()).unwrap();
    session.run(id(0)).unwrap();
    assert_eq!(session.wait(Duration::from_millis(2)), None);
    assert_eq!(ask().1, before.1, "signals come through while nothing runs");
    drop(session);
    assert_eq!(ask(), before);
    assert_ne!(before.1, SigSet::ALL);
}

#[test]
fn a_session_can_be_dropped_anywhere() {
    let session = here(Backend::Signal);
    std::thread::spawn(move || drop(session)).join().unwrap();
    sleep(Duration::from_millis(1));
    drop(here(Backend::Signal));
}

/// Handlers begin at the end of their stack, wherever rsp points: what the program keeps there is lost, and that
/// is all.
#[test]
fn a_stack_pointer_in_the_stack_of_handlers_is_survived() {
    for backend in [Backend::Signal, Backend::Translated] {
        let session = here(backend);
        // SAFETY: asks only.
        let stack = unsafe { sigaltstack(None) }.unwrap();
        // push rax; pop rax; mov rcx, [rcx]
        session.load(program(|w| w.bytes(&[0x50, 0x58, 0x48, 0x8b, 0x09]))).unwrap();
        for rsp in [stack.sp + 8, stack.sp + stack.size / 2, stack.sp + stack.size] {
            let edit = move |state: &mut State| {
                (state.registers.gpr.rsp, state.registers.gpr.rcx) = (rsp, 8);
            };
            session.change(Box::new(edit)).unwrap();
            session.run(id(0)).unwrap();
            let Some(Event::Fault(fault)) = session.wait(LONG) else { panic!("no fault with {backend:?}") };
            assert_eq!((fault.address, fault.at, fault.registers.gpr.rsp), (8, CodePoint::At(id(2)), rsp));
        }
    }
}
