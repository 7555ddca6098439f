"""This package says an exported QONNX graph in operators that hls4ml reads rightly: one pass, or what passes share, in
each module.
"""
