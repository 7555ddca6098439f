"""This package translates an exported graph to kernels, and checks each translation against its source."""
