"""This package trains multi-exit networks."""

from hwcodesign.training.attack import Attack, attacked_codes
from hwcodesign.training.class_means import with_class_means
from hwcodesign.training.quantised import Quantisation, quantised, read_quantised, untrained
from hwcodesign.training.strategies import (
    STRATEGIES,
    Adversarial,
    Batch,
    Distilled,
    GateTraining,
    GradientEquilibrium,
    HeadsOnly,
    Hierarchical,
    Joint,
    JointGates,
    LastExit,
    LearnedWeights,
    OracleExits,
    Personalised,
    RewardedGates,
    Strategy,
    VariationalGates,
)
from hwcodesign.training.trainer import Observer, TrainingSettings, train

__all__ = [
    "STRATEGIES",
    "Adversarial",
    "Attack",
    "Batch",
    "Distilled",
    "GateTraining",
    "GradientEquilibrium",
    "HeadsOnly",
    "Hierarchical",
    "Joint",
    "JointGates",
    "LastExit",
    "LearnedWeights",
    "Observer",
    "OracleExits",
    "Personalised",
    "Quantisation",
    "RewardedGates",
    "Strategy",
    "TrainingSettings",
    "VariationalGates",
    "attacked_codes",
    "quantised",
    "read_quantised",
    "train",
    "untrained",
    "with_class_means",
]
