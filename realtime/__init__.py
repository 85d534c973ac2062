"""The show, a room for each part of it; ARCHITECTURE.md tells them all."""
