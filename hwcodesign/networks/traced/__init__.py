"""This package traces torch modules into graphs (torch.fx), and cuts these into stages and heads."""
