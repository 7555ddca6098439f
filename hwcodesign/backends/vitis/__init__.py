"""This package is the Vitis HLS backend: hls4ml's C++ for segments, our own for what stands between them."""
