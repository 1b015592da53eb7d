//! What the kernel told a new program about itself.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use crate::sys::Pid;

const AT_PHENT: u64 = 4;
const AT_SYSINFO_EHDR: u64 = 33;
/// `syscall`.
const SYSCALL: [u8; 2] = [0x0f, 0x05];

/// The entries of an auxiliary vector that injection needs.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(super) struct Auxv {
    /// Bytes of a program header: 56 in a 64-bit ELF file, 32 in a 32-bit one.
    pub(super) program_header_bytes: u64,
    /// Where the vdso is mapped; 0 when there is none.
    vdso: u64,
}

impl Auxv {
    /// Reads the vector of process `pid`.
    pub(super) fn read(pid: Pid) -> io::Result<Self> {
        Ok(Self::parse(&fs::read(format!("/proc/{pid}/auxv"))?))
    }

    fn parse(bytes: &[u8]) -> Self {
        let mut auxv = Self::default();
        let (pairs, _) = bytes.as_chunks::<16>();
        for pair in pairs {
            let (key, value) = pair.split_at(8);
            let word = |half: &[u8]| half.try_into().map_or(0, u64::from_ne_bytes);
            match word(key) {
                AT_PHENT => auxv.program_header_bytes = word(value),
                AT_SYSINFO_EHDR => auxv.vdso = word(value),
                _ => {}
            }
        }
        auxv
    }

    /// The address of a `syscall` instruction in the vdso of process `pid`. All 64-bit processes have the
    /// same vdso, so its bytes are searched once.
    pub(super) fn vdso_syscall(&self, pid: Pid) -> Option<u64> {
        static OFFSET: OnceLock<Option<u64>> = OnceLock::new();
        let offset = *OFFSET.get_or_init(|| find_syscall(pid, self.vdso));
        (self.vdso != 0).then_some(())?;
        Some(self.vdso + offset?)
    }
}

fn find_syscall(pid: Pid, vdso: u64) -> Option<u64> {
    let mut bytes = vec![0; 4 * 4096];
    let memory = fs::File::open(format!("/proc/{pid}/mem")).ok()?;
    let read = memory.read_at(&mut bytes, vdso).ok()?;
    let at = bytes[..read].windows(SYSCALL.len()).position(|window| window == SYSCALL)?;
    Some(at as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(entries: &[(u64, u64)]) -> Vec<u8> {
        entries.iter().flat_map(|&(key, value)| [key.to_ne_bytes(), value.to_ne_bytes()].concat()).collect()
    }

    #[test]
    fn the_two_wanted_entries_are_found() {
        let auxv = Auxv::parse(&vector(&[(33, 0x7fff_f000), (6, 4096), (4, 56), (0, 0)]));
        assert_eq!(auxv, Auxv { program_header_bytes: 56, vdso: 0x7fff_f000 });
    }

    #[test]
    fn a_torn_vector_reads_as_far_as_it_goes() {
        let bytes = vector(&[(4, 32), (33, 7)]);
        assert_eq!(Auxv::parse(&bytes[..20]), Auxv { program_header_bytes: 32, vdso: 0 });
    }

    #[test]
    fn this_process_has_a_syscall_in_its_vdso() {
        let pid = std::process::id() as Pid;
        let at = Auxv::read(pid).unwrap().vdso_syscall(pid).unwrap();
        let mut bytes = [0; 2];
        fs::File::open("/proc/self/mem").unwrap().read_exact_at(&mut bytes, at).unwrap();
        assert_eq!(bytes, SYSCALL);
    }
}
