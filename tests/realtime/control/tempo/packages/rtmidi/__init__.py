"""Stands in for python-rtmidi: see the package mido beside it."""
