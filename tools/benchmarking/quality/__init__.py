"""Measures the quality of the project's networks: against their own variations, against peers, and against
true joints."""
