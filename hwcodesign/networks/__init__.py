"""This package defines multi-exit networks and exports them."""
