//! Facts about maps, states and images, through the public interface.

mod compact;
