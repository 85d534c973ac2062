"""What keeps a show running: starts its processes, watches and replaces them, and tells the operators.

Only `run_live.py` imports it; it runs in the process that the operator started.
"""
