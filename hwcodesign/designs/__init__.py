"""A composed accelerator: what it is, what it costs, what it is made for, how it lies on disk."""
