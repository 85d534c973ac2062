"""Makes the bank that a player's doll is drawn from, out of his footage: `tools.train` calls `make_bank`."""

from tools.bank.make import make_bank

__all__ = ["make_bank"]
