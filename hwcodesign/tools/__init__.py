"""Programs of others that are run."""
