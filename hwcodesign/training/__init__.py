"""Training multi-exit networks."""

from hwcodesign.training.class_means import with_class_means
from hwcodesign.training.gates import GateTraining
from hwcodesign.training.joint_gates import JointGates
from hwcodesign.training.rewarded_gates import RewardedGates
from hwcodesign.training.strategies import STRATEGIES
from hwcodesign.training.trainer import Observer, TrainingSettings, train
from hwcodesign.training.variational_gates import OracleExits, VariationalGates

__all__ = [
    "STRATEGIES",
    "GateTraining",
    "JointGates",
    "Observer",
    "OracleExits",
    "RewardedGates",
    "TrainingSettings",
    "VariationalGates",
    "train",
    "with_class_means",
]
