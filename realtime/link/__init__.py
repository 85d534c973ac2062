"""A show on two machines: what the performer's and the playout's machine do for one another.

The sockets between them are the bus's, and so are their keys (`transport.bus`, `transport.curve_keys`).
"""
