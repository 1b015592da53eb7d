//! Facts about exec blocks and the code cache, on pages that cannot run.

mod chains;
mod checks;
mod exits;
mod fuse;
mod graph;
mod landings;
mod lifecycle;
mod links;
mod probes;
mod show;
mod totality;
mod trust;
mod world;
