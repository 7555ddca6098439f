"""This package reads data sets in their own file formats."""

from hwcodesign.data.dataset import Dataset, Split

__all__ = ["Dataset", "Split"]
