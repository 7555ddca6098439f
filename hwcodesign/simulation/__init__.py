"""This package runs generated hardware sources on this machine."""
