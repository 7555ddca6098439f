"""Backends compared with the network, and properties proved."""
