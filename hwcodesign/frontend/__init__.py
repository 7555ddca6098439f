"""From an exported graph to kernels, each reading held to its source."""
