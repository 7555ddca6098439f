"""Timing diagrams of the documentation, drawn by WaveDrom from what a simulation showed in every cycle."""
