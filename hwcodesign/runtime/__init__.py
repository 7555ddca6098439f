"""Running a compiled design: NumPy only."""
