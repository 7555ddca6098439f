"""Training multi-exit networks."""

from hwcodesign.training.attack import Attack, attacked_codes
from hwcodesign.training.class_means import with_class_means
from hwcodesign.training.strategies import (
    STRATEGIES,
    Adversarial,
    Batch,
    Distilled,
    GradientEquilibrium,
    HeadsOnly,
    Hierarchical,
    Joint,
    LastExit,
    LearnedWeights,
    Personalised,
    Strategy,
)
from hwcodesign.training.trainer import Observer, TrainingSettings, train

__all__ = [
    "STRATEGIES",
    "Adversarial",
    "Attack",
    "Batch",
    "Distilled",
    "GradientEquilibrium",
    "HeadsOnly",
    "Hierarchical",
    "Joint",
    "LastExit",
    "LearnedWeights",
    "Observer",
    "Personalised",
    "Strategy",
    "TrainingSettings",
    "attacked_codes",
    "train",
    "with_class_means",
]
