"""Policies fitted to what a network gives on samples that it was not trained on."""
