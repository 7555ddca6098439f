"""This package holds the generators of hardware sources, all of which read the same ModelGraph."""
