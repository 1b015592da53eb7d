//! Program addresses that mean something to the engine.
#![allow(unsafe_code, reason = "defines the address where following ends")]

use core::arch::naked_asm;

use midstride_addr::AppPc;
use midstride_block::BuildError;

use super::registry::is_engine_stack;
use super::service::{self, Caller, natively};
use crate::context::ThreadContext;
use crate::emulate;
use crate::engine::{Engine, Shared};
use crate::lock::Guard;
use crate::policy::{Domain, Following, Leaving, Policy};

/// Lets the calling thread go on natively, however deep in calls it is; does nothing if it is not followed.
///
/// Called from a policy's methods it does nothing: they have answers that mean it.
pub fn unfollow_me() {
    leave_point();
}

/// Where following ends. The number keeps a linker from folding it into some other empty function.
#[unsafe(naked)]
extern "C" fn leave_point() {
    naked_asm!("nop dword ptr [rax + 0x6d696473]", "ret")
}

/// Whether the calling thread is followed, by any engine.
#[must_use]
pub fn is_following_me() -> bool {
    natively(|caller| caller == Caller::Followed)
}

/// Whether the calling code is an engine's, or is called by one: a policy's method, or a function that such a
/// method calls. Takes no lock, so that allocators can ask.
#[must_use]
pub fn is_in_engine() -> bool {
    let here = 0u8;
    is_engine_stack((&raw const here).expose_provenance() as u64)
}

/// What is not to be followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SpecialPlace {
    None,
    /// Following ends.
    Leave,
    /// [`natively`](super::natively)'s call.
    Service,
}

/// Where control comes to behind what is not code.
pub(crate) enum Passed<G> {
    /// At code to be copied.
    Code(G),
    /// To the end of following: what the gate is to be answered.
    Left(u32),
}

impl<P: Policy> Engine<P> {
    fn special_place(&self, pc: AppPc) -> SpecialPlace {
        if pc.get() == service::service_address() {
            SpecialPlace::Service
        } else if pc.get() == leave_point as *const () as u64 || self.policy.leaves_at(pc) == Following::End {
            SpecialPlace::Leave
        } else {
            SpecialPlace::None
        }
    }

    /// Carries out what lies at the program's pc as long as it is no code to be copied.
    pub(crate) fn pass_what_is_not_code<'l>(
        &'l self,
        cx: &mut ThreadContext,
        mut shared: Guard<'l, Shared>,
    ) -> Passed<Guard<'l, Shared>> {
        loop {
            if emulate::vsyscall(&mut cx.state) == emulate::Outcome::Done {
                continue;
            }
            if P::DOMAIN == Domain::Process {
                return Passed::Code(shared);
            }
            match self.special_place(cx.state.app_pc()) {
                SpecialPlace::None => return Passed::Code(shared),
                SpecialPlace::Leave => {
                    drop(shared);
                    return Passed::Left(self.leave(cx, Leaving::Asked));
                }
                SpecialPlace::Service => {
                    drop(shared);
                    service::serve(cx);
                    shared = self.lock();
                }
            }
        }
    }

    /// The code at the program's pc cannot be rewritten.
    pub(crate) fn without_block(
        &self,
        cx: &mut ThreadContext,
        shared: Guard<'_, Shared>,
        error: BuildError,
    ) -> u32 {
        if P::DOMAIN == Domain::Process {
            crate::fatal::no_block(cx.state.app_pc(), error);
        }
        drop(shared);
        self.leave(cx, Leaving::NoBlock(error))
    }
}
