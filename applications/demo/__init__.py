"""Applications of invented people, in any number, to try the product out with and to measure it. See `writing.seed`."""

from applications.demo.writing import Receipt, RefusedToSeed, refuse_unless_harmless, seed

__all__ = ["Receipt", "RefusedToSeed", "refuse_unless_harmless", "seed"]
