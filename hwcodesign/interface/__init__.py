"""What hardware, driver and reports must agree on."""
