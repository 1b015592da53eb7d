//! Accepting changed listings.

use anyhow::Result;

use crate::shell::{self, cargo};

/// Runs the tests and keeps what they emit now. Listings inside source files need cargo-insta, which is said
/// aloud where it is missing.
pub(crate) fn run() -> Result<()> {
    if shell::find(&["cargo-insta"]).is_some() {
        return shell::run(&mut cargo(["insta", "test", "--accept", "--workspace"]));
    }
    println!(
        "cargo-insta is not installed: listings in .snap files are accepted, those inside sources are not"
    );
    let mut command = cargo(["test", "--workspace", "--no-fail-fast"]);
    shell::run(command.env("INSTA_UPDATE", "always").env("INSTA_FORCE_PASS", "1"))
}
