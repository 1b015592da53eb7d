//! Facts about maps, states and images, through the public interface.

mod compact;
mod image;
mod state;
