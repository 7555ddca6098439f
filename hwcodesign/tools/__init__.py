"""This package runs external programs."""
