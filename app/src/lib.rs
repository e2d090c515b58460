//! What Refloat touches.
