//! Frames of compiled code, from the inside out.

use midstride_frame::Register;
use midstride_statemap::{
    CompactMap, Frame, FunctionEntry, MachineValues, ResolveError, Site, SiteState, Slot, ValType, Value,
};

use super::layout::TrapState;
use crate::compile::sites::INSIDE;
use crate::instance::{self, Instance};
use crate::trap::{Check, FrameInfo, Trap, TrapKind};

/// A backtrace has no more frames than this.
const SHOWN: usize = 200;

/// A word of the stack.
///
/// # Safety
/// `at` lies in a frame of compiled code that is intact.
unsafe fn word(at: u64) -> u64 {
    // SAFETY: the caller's contract.
    unsafe { std::ptr::with_exposed_provenance::<u64>(at as usize).read() }
}

/// A site, and the function it is in.
pub(crate) struct Located<'m> {
    pub(crate) entry: FunctionEntry,
    map: CompactMap<'m>,
    pub(crate) site: Site,
    state: SiteState,
}

/// The site at an address of an instance's code.
fn locate(instance: &Instance, address: u64) -> Option<Located<'_>> {
    let offset = instance.module().offset(address)?;
    let (entry, map) = instance.module().map().at_code(offset).ok()??;
    let mut state = SiteState::default();
    let site = map.find_code(offset - entry.code_start, &mut state).ok()??;
    Some(Located { entry, map, site, state })
}

/// A stopped frame.
struct Stopped<'a> {
    instance: &'a Instance,
    frame: crate::compile::Frame,
    fp: u64,
    registers: Option<&'a TrapState>,
}

impl MachineValues for Stopped<'_> {
    fn home(&self, slot: Slot, ty: ValType) -> Option<u128> {
        let slot = match slot {
            Slot::Local(local) => local,
            Slot::Operand(height) => self.frame.locals() + height,
        };
        let at = self.fp.wrapping_add_signed(self.frame.offset(slot).into());
        // SAFETY: homes lie in the frame, which is intact; those of vectors have 16 bytes.
        let low = unsafe { word(at) };
        match ty {
            // SAFETY: as above.
            ValType::V128 => Some(u128::from(low) | u128::from(unsafe { word(at + 8) }) << 64),
            ValType::I32 | ValType::F32 => Some(u128::from(low as u32)),
            _ => Some(low.into()),
        }
    }

    fn register(&self, register: Register) -> Option<u128> {
        let registers = self.registers?;
        match (register.gpr_number(), register.vector_number()) {
            (Some(number), _) => registers.gprs.get(usize::from(number)).map(|&bits| bits.into()),
            (_, Some(number)) => registers.vectors.get(usize::from(number)).copied(),
            _ => None,
        }
    }

    fn flags(&self) -> Option<u64> {
        None
    }

    fn reference(&self, ty: ValType, bits: u64) -> Option<Value> {
        match (ty, bits) {
            (ValType::FuncRef, 0) => Some(Value::FuncRef(None)),
            (ValType::FuncRef, desc) => self.instance.func_index(desc).map(|func| Value::FuncRef(Some(func))),
            _ => Value::from_bits(ty, bits.into()),
        }
    }
}

impl Located<'_> {
    /// The frame at `fp` as the canonical state has it.
    ///
    /// # Safety
    /// It is intact, and the function's; `registers` are those with which it faulted, if it did.
    pub(crate) unsafe fn read(
        &self,
        instance: &Instance,
        fp: u64,
        registers: Option<&TrapState>,
    ) -> Result<Frame, ResolveError> {
        let frame = instance.module().frame(self.entry.function);
        let stopped = Stopped { instance, frame, fp, registers };
        self.map.read_frame(self.entry.function, &self.site, &self.state, &stopped)
    }

    fn describe(&self, instance: &Instance, frame: Option<Frame>) -> FrameInfo {
        let function = self.entry.function;
        let name = instance.module().info().func_name(function).map(str::to_owned);
        let offset = self.entry.body_offset + self.site.wasm_offset;
        let (locals, operands) = frame.map(|frame| (frame.locals, frame.operands)).unwrap_or_default();
        FrameInfo { function, name, offset, locals, operands }
    }
}

/// The functions that are in calls, from the frame of a way out of compiled code.
///
/// # Safety
/// `fp` is the frame pointer of such a frame of this instance's code, or of a frame above whose caller is
/// compiled code, or 0.
pub(crate) unsafe fn callers(instance: &Instance, mut fp: u64) -> Vec<FrameInfo> {
    let mut frames = Vec::new();
    while fp != 0 && frames.len() < SHOWN {
        // SAFETY: frames of compiled code have a frame pointer and a return address.
        let (caller, ret) = unsafe { (word(fp), word(fp + 8)) };
        let Some(located) = locate(instance, ret) else { break };
        // SAFETY: it is the frame that the site describes.
        let frame = unsafe { located.read(instance, caller, None) }.ok();
        frames.push(located.describe(instance, frame));
        fp = caller;
    }
    frames
}

/// Replaces the topmost operands of a frame that has called the runtime for an operator: they are at home.
///
/// # Safety
/// `fp` is the frame pointer of the way out to the runtime, whose caller is code of this instance's.
///
/// # Panics
/// When there is no site: the compiler records one at each such call.
pub(crate) unsafe fn set_operands(instance: &Instance, fp: u64, operands: &[u64]) {
    // SAFETY: the caller's contract.
    let (caller, ret) = unsafe { (word(fp), word(fp + 8)) };
    let Some(located) = locate(instance, ret) else { panic!("no site at {ret:#x}") };
    let frame = instance.module().frame(located.entry.function);
    let slots = frame.locals() + located.state.operands().len() as u32;
    for (slot, &operand) in (slots - operands.len() as u32..slots).zip(operands) {
        let home = caller.wrapping_add_signed(frame.offset(slot).into());
        let home = std::ptr::with_exposed_provenance_mut::<u64>(home as usize);
        // SAFETY: a home in the frame, which has at least 8 bytes and which only this thread uses.
        unsafe { home.write(operand) };
    }
}

/// A frame on the stack of an instance that has stopped.
pub(crate) struct Standing<'m> {
    pub(crate) located: Located<'m>,
    pub(crate) fp: u64,
    /// Whether its code faulted.
    pub(crate) faulted: bool,
}

/// The frames of an instance that has stopped, the youngest first.
pub(crate) fn standing(instance: &Instance) -> Vec<Standing<'_>> {
    let mut frames = Vec::new();
    let mut fp = match instance.stopped() {
        None => return frames,
        Some(instance::Stopped::Way { fp }) => fp,
        Some(instance::Stopped::Fault) => {
            let state = registers(instance);
            let located = locate(instance, state.pc + u64::from(INSIDE));
            let fp = state.gprs[5];
            frames.extend(located.map(|located| Standing { located, fp, faulted: true }));
            fp
        }
    };
    while fp != 0 {
        // SAFETY: nothing has run on the stack since the code stopped, so its frames are intact.
        let (caller, ret) = unsafe { (word(fp), word(fp + 8)) };
        let Some(located) = locate(instance, ret) else { break };
        frames.push(Standing { located, fp: caller, faulted: false });
        fp = caller;
    }
    frames
}

/// The registers with which code faulted.
pub(crate) fn registers(instance: &Instance) -> TrapState {
    // SAFETY: the context is this thread's, and no code of it runs now.
    unsafe { (*instance.context().header()).trap }
}

/// The trap of code that faulted.
pub(crate) fn fault(instance: &Instance) -> Trap {
    let state = registers(instance);
    let fp = state.gprs[5];
    let located = locate(instance, state.pc + u64::from(INSIDE));
    let Some((located, check)) = located.and_then(|l| Check::from_note(l.site.note).map(|check| (l, check)))
    else {
        // Only instructions with a site can fault: everything else is a mistake in the compiler.
        panic!("compiled code faulted at {:#x} (signal {})", state.pc, state.signal);
    };
    instance.stop(instance::Stopped::Fault);
    // SAFETY: the code faulted in this frame.
    let frame = unsafe { located.read(instance, fp, Some(&state)) }.ok();
    let divisor = frame.as_ref().and_then(|frame| frame.operands.last());
    let kind = match (check, divisor) {
        (Check::Division, Some(Value::I32(0) | Value::I64(0))) => TrapKind::IntegerDivideByZero,
        _ => check.failure(),
    };
    let mut frames = vec![located.describe(instance, frame)];
    // SAFETY: the faulting function's frame is intact.
    frames.extend(unsafe { callers(instance, fp) });
    Trap::new(kind).through(frames)
}
