//! System calls that change what may be executed.

use core::sync::atomic::Ordering;

use midstride_addr::{AppPc, AppRange};
use midstride_asm::Gpr;
use midstride_os::mem::{MapFlags, Prot, RemapFlags, shared_memory_bytes};
use midstride_os::{Errno, nr};

use super::{After, Verdict, argument, make};
use crate::code_map::Writes;
use crate::context::ThreadContext;
use crate::engine::{Engine, Shared};
use crate::memory::read_app;
use crate::policy::{NewCode, Policy};

const PAGE: u64 = 4096;

/// The pages from `start` on, as the kernel rounds; empty when that overflows.
fn pages(start: u64, bytes: u64) -> AppRange {
    let end = start.checked_add(bytes).and_then(|end| end.checked_next_multiple_of(PAGE)).unwrap_or(start);
    AppRange::new(AppPc::new(start), AppPc::new(end))
}

/// Whether code mapped like this can change without a system call. A mapping that grows downwards keeps its
/// protection: what it grows by has that of its lowest page.
fn writes(prot: Prot, flags: MapFlags) -> Writes {
    let keeps = flags.contains(MapFlags::SHARED) || flags.contains(MapFlags::GROWSDOWN);
    match (keeps, prot.contains(Prot::WRITE)) {
        (true, _) => Writes::Elsewhere,
        (false, true) => Writes::Here,
        (false, false) => Writes::No,
    }
}

/// The kernel writes no more by one call (write(2)).
const MOST_AT_ONCE: u64 = 0x7fff_f000;

/// Whether the path that the program has at this address may be that of a process's memory.
fn may_name_memory(path: u64) -> bool {
    const NAME: &[u8] = b"/mem\0";
    let mut text = [0; 64];
    // The string may end right before memory that cannot be read: what could be is there all the same.
    let _ = read_app(path, &mut text);
    let end = text.iter().position(|&byte| byte == 0);
    end.is_some_and(|end| text[..=end].ends_with(NAME))
}

impl<P: Policy> Engine<P> {
    /// Whether `range` contains memory of the engine's that the program must not replace.
    pub(crate) fn is_ours(&self, shared: &Shared, range: AppRange) -> bool {
        let overlaps = |start: u64, end: u64| start < range.end().get() && range.start().get() < end;
        let mut code = shared.cache.code_ranges();
        code.any(|ours| overlaps(ours.start().get(), ours.end().get()))
            || self.reserved().any(|(start, end)| overlaps(start, end))
    }

    pub(super) fn mmap(&self, cx: &mut ThreadContext) -> Verdict {
        let prot = Prot::from_bits(argument(cx, 2) as u32);
        let flags = MapFlags::from_bits(argument(cx, 3) as u32);
        let mut shared = self.lock();
        let fixed = pages(argument(cx, 0), argument(cx, 1));
        if flags.contains(MapFlags::FIXED) && self.is_ours(&shared, fixed) {
            return Verdict::Answer(Errno::ENOMEM.raw());
        }
        let result = make(cx);
        if (-4095..0).contains(&result) {
            return Verdict::Answer(result);
        }
        let range = pages(result as u64, argument(cx, 1));
        self.forget_code(&mut shared, range);
        if prot.contains(Prot::EXEC) {
            Self::new_code(&mut shared, range, writes(prot, flags));
            let fd = if flags.contains(MapFlags::ANONYMOUS) { -1 } else { argument(cx, 4) as i32 };
            self.policy.mapped(NewCode { range, fd, offset: argument(cx, 5) });
        }
        Verdict::Answer(result)
    }

    pub(super) fn munmap(&self, cx: &mut ThreadContext) -> Verdict {
        let mut shared = self.lock();
        let range = pages(argument(cx, 0), argument(cx, 1));
        if self.is_ours(&shared, range) {
            return Verdict::Answer(Errno::EINVAL.raw());
        }
        let result = make(cx);
        if result == 0 {
            self.forget_code(&mut shared, range);
        }
        Verdict::Answer(result)
    }

    pub(super) fn mprotect(&self, cx: &mut ThreadContext) -> Verdict {
        let mut shared = self.lock();
        let range = pages(argument(cx, 0), argument(cx, 1));
        if self.is_ours(&shared, range) {
            return Verdict::Answer(Errno::ENOMEM.raw());
        }
        let result = make(cx);
        if result == 0 {
            let prot = Prot::from_bits(argument(cx, 2) as u32);
            self.reprotect(&mut shared, range, prot);
        }
        Verdict::Answer(result)
    }

    fn reprotect(&self, shared: &mut Shared, range: AppRange, prot: Prot) {
        let was = shared.code.area(range.start());
        let same = was.is_some_and(|area| {
            area.range.contains(AppPc::new(range.end().get() - 1)) && area.writes == Writes::No
        });
        if !prot.contains(Prot::EXEC) {
            if shared.code.touches(range) {
                self.forget_code(shared, range);
            }
        } else if !same || prot.contains(Prot::WRITE) {
            shared.cache.invalidate(range);
            let known = shared.code.touches(range);
            let elsewhere = was.is_some_and(|area| area.writes == Writes::Elsewhere);
            let flags = if elsewhere { MapFlags::SHARED } else { MapFlags::PRIVATE };
            shared.watch.forget(range);
            shared.code.insert(range, writes(prot, flags));
            if !known {
                self.policy.mapped(NewCode { range, fd: -1, offset: 0 });
            }
        }
    }

    pub(super) fn mremap(&self, cx: &mut ThreadContext) -> Verdict {
        let mut shared = self.lock();
        let old = pages(argument(cx, 0), argument(cx, 1));
        let flags = RemapFlags::from_bits(argument(cx, 3) as u32);
        let wanted = pages(argument(cx, 4), argument(cx, 2));
        let over_ours = flags.contains(RemapFlags::FIXED) && self.is_ours(&shared, wanted);
        if over_ours || self.is_ours(&shared, old) {
            return Verdict::Answer(Errno::EFAULT.raw());
        }
        let was = shared.code.area(old.start());
        let result = make(cx);
        if (-4095..0).contains(&result) {
            return Verdict::Answer(result);
        }
        let new = pages(result as u64, argument(cx, 2));
        self.forget_code(&mut shared, new);
        if argument(cx, 1) != 0 {
            self.forget_code(&mut shared, old);
        }
        if let Some(area) = was {
            Self::new_code(&mut shared, new, area.writes);
            self.policy.mapped(NewCode { range: new, fd: -1, offset: 0 });
        }
        Verdict::Answer(result)
    }

    /// Attaching System V memory may cover code, and may be executable. How large it is the kernel tells.
    pub(super) fn shmat(&self, cx: &mut ThreadContext) -> Verdict {
        const SHM_REMAP: u64 = 0o40_000;
        const SHM_EXEC: u64 = 0o100_000;
        let bytes = shared_memory_bytes(argument(cx, 0) as i32).unwrap_or(1);
        let mut shared = self.lock();
        let wanted = pages(argument(cx, 1), bytes);
        if argument(cx, 2) & SHM_REMAP != 0 && self.is_ours(&shared, wanted) {
            return Verdict::Answer(Errno::EINVAL.raw());
        }
        let result = make(cx);
        if result > 0 {
            let range = pages(result as u64, bytes);
            self.forget_code(&mut shared, range);
            if argument(cx, 2) & SHM_EXEC != 0 {
                Self::new_code(&mut shared, range, Writes::Elsewhere);
            }
        }
        Verdict::Answer(result)
    }

    /// Detaching it unmaps it. The call does not say how much that is: what cannot be read any more.
    pub(super) fn shmdt(&self, cx: &mut ThreadContext) -> Verdict {
        let mut shared = self.lock();
        let start = AppPc::new(argument(cx, 0));
        let area = shared.code.area(start);
        let result = make(cx);
        if let Some(area) = area.filter(|_| result == 0) {
            let is_gone = |page: &u64| read_app(*page, &mut [0]).is_err();
            let rest = (start.get()..area.range.end().get()).step_by(PAGE as usize);
            let gone = rest.take_while(is_gone).count() as u64;
            self.forget_code(&mut shared, pages(start.get(), gone * PAGE));
        }
        Verdict::Answer(result)
    }

    /// The kernel is going to write where the program tells it to, whenever that is, and says to nobody but the
    /// program that a page cannot be written.
    pub(super) fn writes_later(&self, _: &mut ThreadContext) -> Verdict {
        let mut shared = self.lock();
        Self::open_all(&mut shared);
        shared.watch.protect_no_more();
        Verdict::Call
    }

    /// `range` is code from now on. Blocks may stand for what could not be read there before.
    fn new_code(shared: &mut Shared, range: AppRange, writes: Writes) {
        shared.cache.invalidate(range);
        shared.code.insert(range, writes);
    }

    /// Nothing in `range` is code any more.
    pub(crate) fn forget_code(&self, shared: &mut Shared, range: AppRange) {
        if shared.code.touches(range) {
            shared.cache.invalidate(range);
            shared.code.remove(range);
            shared.watch.forget(range);
            self.policy.unmapped(range);
        }
    }

    /// Content that is dropped is no longer the code that was built from.
    pub(super) fn madvise(&self, cx: &mut ThreadContext) -> Verdict {
        let mut shared = self.lock();
        let range = pages(argument(cx, 0), argument(cx, 1));
        if self.is_ours(&shared, range) {
            return Verdict::Answer(Errno::EINVAL.raw());
        }
        let result = make(cx);
        shared.cache.invalidate(range);
        Verdict::Answer(result)
    }

    /// A mapped file may lose its end.
    pub(super) fn shrink(&self, _: &mut ThreadContext) -> Verdict {
        Verdict::CallThen(After::Shrink)
    }

    /// So it may by being opened. And whoever opens a process's memory may write code through it.
    pub(super) fn open(&self, cx: &mut ThreadContext) -> Verdict {
        const O_TRUNC: u64 = 0o1000;
        const O_ACCMODE: u64 = 0o3;
        let first = usize::from(cx.state.get(Gpr::Rax) == nr::OPENAT);
        let (path, flags) = (argument(cx, first), argument(cx, first + 1));
        if flags & O_ACCMODE != 0 && may_name_memory(path) {
            self.writes_memory.store(true, Ordering::Relaxed);
        }
        if flags & O_TRUNC != 0 { Verdict::CallThen(After::Shrink) } else { Verdict::Call }
    }

    /// Blocks of code that is behind the end of its file go: the program faults there.
    pub(super) fn forget_unreadable(&self) {
        let mut shared = self.lock();
        let Shared { cache, code, .. } = &mut *shared;
        for area in code.iter().filter(|area| read_app(area.range.end().get() - 1, &mut [0]).is_err()) {
            cache.invalidate(area.range);
        }
    }

    /// Writing to `/proc/self/mem` is writing to memory, whatever its protection: the offset is the
    /// address. For any other file nothing is lost but a few blocks.
    pub(super) fn pwrite(&self, cx: &mut ThreadContext) -> Verdict {
        self.written_at(cx, argument(cx, 3))
    }

    /// Likewise at the file's own position, once there is such a file.
    pub(super) fn write(&self, cx: &mut ThreadContext) -> Verdict {
        if !self.writes_memory.load(Ordering::Relaxed) {
            return Verdict::Call;
        }
        let position = midstride_os::file::position(argument(cx, 0) as i32);
        position.map_or(Verdict::Call, |position| self.written_at(cx, position))
    }

    fn written_at(&self, cx: &ThreadContext, position: u64) -> Verdict {
        let bytes = match cx.state.get(Gpr::Rax) {
            nr::WRITE | nr::PWRITE64 => argument(cx, 2),
            // As many vectors as there may be.
            _ => MOST_AT_ONCE,
        };
        let range = pages(position & !(PAGE - 1), bytes.min(MOST_AT_ONCE) + PAGE);
        let mut shared = self.lock();
        if shared.code.touches(range) {
            shared.cache.invalidate(range);
        }
        Verdict::Call
    }

    /// Locks what is touched, when it is touched: what the engine has reserved is not filled.
    pub(super) fn mlockall(&self, cx: &mut ThreadContext) -> Verdict {
        const MCL_ONFAULT: u64 = 4;
        Verdict::Answer(
            midstride_os::mem::mlockall(argument(cx, 0) | MCL_ONFAULT).map_or_else(Errno::raw, |()| 0),
        )
    }

    /// Likewise process_vm_writev, whose target is not looked at.
    pub(super) fn process_vm_writev(&self, _: &mut ThreadContext) -> Verdict {
        Self::open_all(&mut self.lock());
        Verdict::Call
    }
}
