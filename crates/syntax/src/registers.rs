//! Names of registers.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use iced_x86::Register;
use spin::Once;

/// The register with this name. `st(3)` is put together by the parser.
pub(crate) fn find(name: &str) -> Option<Register> {
    names().get(name.to_ascii_lowercase().as_str()).copied()
}

/// All names, as they are written.
pub fn registers() -> impl Iterator<Item = &'static str> {
    names().keys().map(String::as_str)
}

fn names() -> &'static BTreeMap<String, Register> {
    static NAMES: Once<BTreeMap<String, Register>> = Once::new();
    NAMES.call_once(|| {
        let mut names = BTreeMap::new();
        for register in Register::values().filter(|register| is_written(*register)) {
            let name = format!("{register:?}").to_ascii_lowercase();
            // r8b is another name of r8l.
            if register.is_gpr8() && name.starts_with('r') {
                names.insert(format!("{}b", name.trim_end_matches('l')), register);
            }
            names.insert(name, register);
        }
        names.insert(String::from("st"), Register::ST0);
        names
    })
}

fn is_written(register: Register) -> bool {
    let pseudo = [Register::EIP, Register::RIP].contains(&register);
    let class = register.is_gpr() || register.is_vector_register() || register.is_segment_register();
    let special = register.is_st() || register.is_mm() || register.is_k() || register.is_tmm();
    let system = register.is_cr() || register.is_dr() || register.is_tr() || register.is_bnd();
    pseudo || class || special || system
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_found_by_all_their_names() {
        for (name, register) in [
            ("rax", Register::RAX),
            ("R8B", Register::R8L),
            ("r8l", Register::R8L),
            ("r15d", Register::R15D),
            ("st", Register::ST0),
            ("st7", Register::ST7),
            ("zmm31", Register::ZMM31),
            ("k7", Register::K7),
            ("cr8", Register::CR8),
            ("rip", Register::RIP),
            ("fs", Register::FS),
        ] {
            assert_eq!(find(name), Some(register), "{name}");
        }
        assert_eq!(find("none"), None);
        assert_eq!(find("dontuse0"), None);
    }
}
