"""This package describes a complete accelerator: its parts, its cost, its board and its files."""
