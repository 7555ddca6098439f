"""The command line: each verb is one step of the main job, `run` is all of them."""

from hwcodesign.cli.program import main

__all__ = ["main"]
