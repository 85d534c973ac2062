"""Keeps a show running: starts its processes, watches and replaces them, and informs the operators.

Only `run_live.py` imports it. It runs in the process that the operator started.
"""
