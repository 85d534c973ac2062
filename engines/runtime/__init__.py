"""The interface that every backend fills, and what they share; `engines.backends` has the backends."""
