//! What the host tells the runtime when it injects it.

/// Rewrite only.
pub const MODE_RUN: u32 = 0;
/// Record which blocks ran.
pub const MODE_COV: u32 = 1;
/// Count blocks.
pub const MODE_COUNT: u32 = 2;

/// Bytes from the bootstrap block to the list of mappings behind it.
pub const MAPS_AT: u64 = 4096;

/// Written by the host into the target's memory; the runtime's entry point gets its address in `rdi`, with
/// `rsp` at the end of the same mapping.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub struct Bootstrap {
    /// [`crate::MAGIC`].
    pub magic: u64,
    /// [`crate::VERSION`].
    pub version: u32,
    /// [`MODE_RUN`], [`MODE_COV`] or [`MODE_COUNT`].
    pub mode: u32,
    /// The program's first instruction.
    pub app_rip: u64,
    /// The program's stack pointer there (argc lies at it).
    pub app_rsp: u64,
    /// Where the control block is mapped.
    pub control: u64,
    /// This process's slot.
    pub slot: u32,
    /// The slot of the process that exec'ed into this one; `u32::MAX` for the first.
    pub parent_slot: u32,
    /// Where the runtime's image is mapped.
    pub image_start: u64,
    /// First address behind it (its bss included).
    pub image_end: u64,
    /// Where this mapping starts and ends (bootstrap block and first stack).
    pub boot_start: u64,
    /// First address behind this mapping.
    pub boot_end: u64,
    /// Limit for the code cache in bytes; 0 for the default.
    pub cache_bytes: u64,
    /// 0 quiet, 1 notes of the host's, 2 chatter of the runtime's too, on the program's standard error.
    pub verbosity: u32,
    /// 1 to evict constantly (tests), 0 otherwise.
    pub torture: u32,
    /// 1 when children are followed through exec, 0 when they run natively.
    pub follow_children: u32,
    /// Bytes of the list of mappings, [`MAPS_AT`] behind the block: the executable lines of `/proc/pid/maps` as
    /// the host reads them. 0 when the process is to read them itself.
    pub maps_bytes: u32,
    /// All other general registers at the entry, in the order of `user_regs_struct`; zero at an exec.
    pub app_gprs: [u64; 16],
    /// Flags at the entry.
    pub app_rflags: u64,
}
