"""The real product over real HTTP while it is killed, starved and cut off: what must hold whatever happens."""
