"""Faults put into a running show, and what the show makes of them, over minutes or hours."""
