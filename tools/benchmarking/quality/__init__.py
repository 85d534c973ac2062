"""How good the project's networks are: beside variations of their own, beside peers, and against true
joints."""
