//! What Refloat decides.
