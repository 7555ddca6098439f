"""Planted faults, each of which named tests of the default suite must catch.

A fault is a patch here: what is wrong in one sentence (`Fault: …`), a line for each test that must notice it
(`Test: tests/test_x.py::test_y`), then a diff that `git apply` takes. `python -m tests.mutants` plants one after the
other in a copy of the checkout and runs the tests that it names.
"""
