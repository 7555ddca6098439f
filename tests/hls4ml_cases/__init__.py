"""hls4ml's own tests of its PyTorch and ONNX front ends, whose models go through StreamRTL and through hls4ml's C++.

python -m tests.hls4ml_cases --write docs/hls4ml_compatibility.md    # what `make verify` runs
python -m tests.hls4ml_cases --software test_merge                   # kernels alone, without RTL, of some
"""
