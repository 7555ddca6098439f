"""Generators of hardware sources, all fed from the same ModelGraph."""
