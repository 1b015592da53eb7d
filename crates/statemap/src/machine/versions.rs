//! Code of a module that may be on the stack: one version for each tier it was compiled in.

use alloc::vec::Vec;
use core::fmt;

use crate::machine::map::{ModuleStateMap, SuspendKind, Suspended};

/// Which compiler wrote a version.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tier {
    /// The one whose frames can be built.
    Baseline,
    /// One that keeps values in registers its callees save.
    Optimized,
}

/// Code that was placed somewhere.
#[derive(Clone, Copy, Debug)]
pub struct CodeVersion<'m> {
    /// Its map.
    pub map: &'m ModuleStateMap,
    /// Where the code was placed.
    pub base: u64,
    /// Which compiler wrote it.
    pub tier: Tier,
    /// That compiler's name.
    pub backend: &'static str,
}

impl CodeVersion<'_> {
    /// The address behind the code; `None` when it wraps.
    fn end(&self) -> Option<u64> {
        self.base.checked_add(self.map.total_size)
    }
}

/// Names a version that was added; never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct VersionId(u64);

/// Code that lies where other code is, or beyond the address space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum VersionError {
    /// Two versions would share addresses: an address must have one meaning.
    Overlap {
        /// Base of the version that is there.
        base: u64,
    },
    /// It ends beyond the address space.
    TooLarge {
        /// Its base.
        base: u64,
    },
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap { base } => write!(f, "there is other code at {base:#x}"),
            Self::TooLarge { base } => write!(f, "code at {base:#x} ends beyond the address space"),
        }
    }
}

impl core::error::Error for VersionError {}

/// The versions whose code may be on a stack.
#[derive(Clone, Debug, Default)]
pub struct CodeVersions<'m> {
    /// By base.
    versions: Vec<(VersionId, CodeVersion<'m>)>,
    next: u64,
}

impl<'m> CodeVersions<'m> {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a version.
    ///
    /// # Errors
    /// [`VersionError`]
    pub fn add(&mut self, version: CodeVersion<'m>) -> Result<VersionId, VersionError> {
        let end = version.end().ok_or(VersionError::TooLarge { base: version.base })?;
        let at = self.versions.partition_point(|(_, other)| other.base < version.base);
        let before = at.checked_sub(1).filter(|at| self.versions[*at].1.end() > Some(version.base));
        let behind = Some(at).filter(|at| self.versions.get(*at).is_some_and(|(_, other)| other.base < end));
        if let Some(other) = before.or(behind) {
            return Err(VersionError::Overlap { base: self.versions[other].1.base });
        }
        let id = VersionId(self.next);
        self.next += 1;
        self.versions.insert(at, (id, version));
        Ok(id)
    }

    /// Removes a version, in whatever order they were added; says what it was.
    pub fn remove(&mut self, id: VersionId) -> Option<CodeVersion<'m>> {
        let at = self.versions.iter().position(|(other, _)| *other == id)?;
        Some(self.versions.remove(at).1)
    }

    /// The version whose code an address lies in.
    #[must_use]
    pub fn at(&self, address: u64) -> Option<&CodeVersion<'m>> {
        let before = self.versions.partition_point(|(_, version)| version.base <= address);
        let (_, version) = self.versions.get(before.checked_sub(1)?)?;
        (version.end() > Some(address)).then_some(version)
    }

    /// Where the function at an address is suspended.
    #[must_use]
    pub fn lookup(&self, address: u64, kind: SuspendKind) -> Option<(Tier, Suspended<'m>)> {
        let version = self.at(address)?;
        Some((version.tier, version.map.lookup_ip(address, version.base, kind)?))
    }
}
