"""This package runs a compiled design, with NumPy only."""
