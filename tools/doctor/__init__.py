"""Looks at the machine before a show: `python -m tools.doctor`.

`checks` is the table of what is looked at; `runner` runs each check in a process of its own, with a deadline.
"""
