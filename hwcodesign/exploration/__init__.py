"""This package estimates properties of a design before it is generated, with models of its queues."""
