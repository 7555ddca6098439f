"""Onto a board: block design, Vivado project, hardware hand-off, bundle."""
