"""This package says how kernels are built: their modules, the streams between them, and the cycles that they take."""
