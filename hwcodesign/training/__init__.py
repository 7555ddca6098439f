"""Training multi-exit networks."""

from hwcodesign.training.class_means import with_class_means
from hwcodesign.training.strategies import STRATEGIES
from hwcodesign.training.trainer import Observer, TrainingSettings, train

__all__ = ["STRATEGIES", "Observer", "TrainingSettings", "train", "with_class_means"]
