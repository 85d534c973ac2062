"""The operator's terminal: keys in; lines and a status out, which hold nobody up."""
