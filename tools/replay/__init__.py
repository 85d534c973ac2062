"""Runs a show again from a recording of its inputs, and compares it with what the rehearsal gave."""
