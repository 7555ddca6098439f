"""This package defines what hardware, driver and reports must agree on."""
