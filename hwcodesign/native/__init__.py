"""The native engine: the software backend's kernels in C++, for the processor that it runs on.

`library` builds the C++ once for a machine. `plan` says which operations compute a segment's kernels, `program` hands
them to the library, and `engine` runs an accelerator's segments.
"""
