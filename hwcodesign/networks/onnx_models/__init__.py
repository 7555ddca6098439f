"""This package reads networks from ONNX and QONNX files, and writes them."""
