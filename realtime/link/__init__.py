"""A show on two machines: what the performer's machine and the playout's machine do for each other.

The sockets between them, and the keys, belong to the bus (`transport.bus`, `transport.curve_keys`).
"""
