"""Examines the machine before a show: `python -m tools.doctor`.

`checks` is the table of the checks; `runner` runs each in a process of its own, with a deadline.
"""
