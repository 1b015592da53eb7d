//! midlab from outside: scripts, the command line, a terminal.

mod command_line;
mod library;
mod midlab;
mod terminal;
mod transcripts;
