"""Running generated hardware sources on this machine."""
