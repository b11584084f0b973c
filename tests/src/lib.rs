//! End-to-end tests of kapture: see `tests/`.
