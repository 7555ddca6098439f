"""Training multi-exit networks."""

from hwcodesign.training.strategies import STRATEGIES
from hwcodesign.training.trainer import Observer, TrainingSettings, train

__all__ = ["STRATEGIES", "Observer", "TrainingSettings", "train"]
