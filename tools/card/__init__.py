"""The operator's card: keys, states and alarms on one page; and docs/alarms.md. See `__main__`."""
