//! Frames of compiled code, from the inside out.

use midstride_os::signal::SIGFPE;

use super::layout::TrapState;
use crate::compile::sites::{Phase, Place, Site};
use crate::instance::Instance;
use crate::module::Module;
use crate::trap::{Check, FrameInfo, Trap, TrapKind};

/// A word of the stack.
///
/// # Safety
/// `at` is a frame pointer's or return address's place in a frame of compiled code that is intact.
unsafe fn word(at: u64) -> u64 {
    // SAFETY: the caller's contract.
    unsafe { std::ptr::with_exposed_provenance::<u64>(at as usize).read() }
}

/// The functions that are in calls, from the frame of a way out of compiled code.
///
/// # Safety
/// `fp` is the frame pointer of such a frame of this instance's code, or 0.
pub(crate) unsafe fn callers(instance: &Instance, mut fp: u64) -> Vec<FrameInfo> {
    let module = instance.module();
    let mut frames = Vec::new();
    while fp != 0 {
        // SAFETY: frames of compiled code have a frame pointer and a return address.
        let (next, ret) = unsafe { (word(fp), word(fp + 8)) };
        match site_at(module, ret) {
            Some(site) => frames.push(frame(module, ret, site)),
            None => break,
        }
        fp = next;
    }
    frames
}

fn site_at(module: &Module, address: u64) -> Option<&Site> {
    module.sites().at_code(module.offset(address)?)
}

fn frame(module: &Module, address: u64, site: &Site) -> FrameInfo {
    let function = module.offset(address).and_then(|offset| module.func_at(offset)).unwrap_or(u32::MAX);
    let name = module.info().func_name(function).map(str::to_owned);
    FrameInfo { function, name, offset: site.wasm }
}

/// The trap of code that faulted.
pub(crate) fn fault(instance: &Instance) -> Trap {
    // SAFETY: the context is this thread's, and no code of it runs now.
    let state = unsafe { (*instance.context().header()).trap };
    let module = instance.module();
    let Some((site, check)) = site_at(module, state.pc).and_then(|site| Some((site, check(site)?))) else {
        // Only instructions with a site can fault: everything else is a mistake in the compiler.
        panic!("compiled code faulted at {:#x} (signal {})", state.pc, state.signal);
    };
    let kind =
        if check == Check::Division && state.signal == SIGFPE as u64 && divisor(module, site, &state) == 0 {
            TrapKind::IntegerDivideByZero
        } else {
            check.failure()
        };
    let mut frames = vec![frame(module, state.pc, site)];
    // SAFETY: the faulting function's frame is intact.
    frames.extend(unsafe { callers(instance, state.gprs[5]) });
    Trap::new(kind).through(frames)
}

fn check(site: &Site) -> Option<Check> {
    if let Phase::Trap(check) = site.phase { Some(check) } else { None }
}

/// The topmost operand of a site: its lowest 64 bits.
fn divisor(module: &Module, site: &Site, state: &TrapState) -> u64 {
    let Some(function) = module.offset(state.pc).and_then(|offset| module.func_at(offset)) else { return 1 };
    let home_frame = module.frame(function);
    let slot = home_frame.locals() + site.height - 1;
    // SAFETY: homes lie in the faulting function's frame, which is intact.
    let home = |slot| unsafe { word(state.gprs[5].wrapping_add_signed(home_frame.offset(slot).into())) };
    let place = module.sites().place_of(site, slot);
    let place = match place {
        Some(Place::Local(local)) => module.sites().place_of(site, local).ok_or(local),
        place => place.ok_or(slot),
    };
    match place {
        Ok(Place::Gpr(reg)) => state.gprs[usize::from(reg.number())],
        Ok(Place::Const(bits)) => bits,
        Ok(_) => 1,
        Err(slot) => home(slot),
    }
}
