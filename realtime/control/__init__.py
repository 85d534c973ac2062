"""The operator's side: what can be done (`actions`), by which key, and the desk that every control asks."""
