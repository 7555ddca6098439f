"""What a design would take before it is made: models of its queues."""
