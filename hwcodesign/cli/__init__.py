"""The command line runs the steps of the main job: `run` runs all of them, each other command runs one."""

from hwcodesign.cli.program import main

__all__ = ["main"]
