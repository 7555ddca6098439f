"""This package compares backends with the network, and proves properties."""
