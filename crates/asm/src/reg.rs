//! Registers and operand widths.

/// Makes an enum of sixteen registers with their encoding numbers.
macro_rules! register_file {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`")] $variant),*
        }

        impl $name {
            /// All sixteen, in the order of their numbers.
            pub const ALL: [Self; 16] = [$(Self::$variant),*];

            /// The number the processor knows it by, 0 to 15.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The register with this number; `None` from 16 on.
            #[must_use]
            pub const fn from_number(number: u8) -> Option<Self> {
                if number < 16 { Some(Self::ALL[number as usize]) } else { None }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str([$($text),*][*self as usize])
            }
        }
    };
}

register_file! {
    /// A general-purpose register; its [`Width`] is said by the instruction.
    ///
    /// At [`Width::W8`] numbers 4 to 7 are spl, bpl, sil and dil: ah, ch, dh and bh cannot be named.
    Gpr {
        Rax = "rax", Rcx = "rcx", Rdx = "rdx", Rbx = "rbx",
        Rsp = "rsp", Rbp = "rbp", Rsi = "rsi", Rdi = "rdi",
        R8 = "r8", R9 = "r9", R10 = "r10", R11 = "r11",
        R12 = "r12", R13 = "r13", R14 = "r14", R15 = "r15",
    }
}

register_file! {
    /// A vector register.
    Xmm {
        Xmm0 = "xmm0", Xmm1 = "xmm1", Xmm2 = "xmm2", Xmm3 = "xmm3",
        Xmm4 = "xmm4", Xmm5 = "xmm5", Xmm6 = "xmm6", Xmm7 = "xmm7",
        Xmm8 = "xmm8", Xmm9 = "xmm9", Xmm10 = "xmm10", Xmm11 = "xmm11",
        Xmm12 = "xmm12", Xmm13 = "xmm13", Xmm14 = "xmm14", Xmm15 = "xmm15",
    }
}

/// Operand width of an integer instruction.
///
/// Writing a register at `W32` clears its upper half; at `W8` and `W16` the rest stays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Width {
    /// One byte.
    W8,
    /// Two bytes.
    W16,
    /// Four bytes.
    W32,
    /// Eight bytes.
    W64,
}

impl Width {
    /// All four, narrowest first.
    pub const ALL: [Self; 4] = [Self::W8, Self::W16, Self::W32, Self::W64];

    /// Size in bytes: 1, 2, 4 or 8.
    #[must_use]
    pub const fn bytes(self) -> u8 {
        1 << self as u8
    }

    /// Size in bits: 8, 16, 32 or 64.
    #[must_use]
    pub const fn bits(self) -> u8 {
        8 << self as u8
    }
}
