"""This package has one module for each training strategy; `STRATEGIES` lists them."""

from hwcodesign.training.strategies.adversarial import Adversarial  # importing registers them
from hwcodesign.training.strategies.distilled import Distilled
from hwcodesign.training.strategies.equilibrium import GradientEquilibrium
from hwcodesign.training.strategies.gates import GateTraining
from hwcodesign.training.strategies.heads_only import HeadsOnly
from hwcodesign.training.strategies.hierarchical import Hierarchical
from hwcodesign.training.strategies.joint import Joint
from hwcodesign.training.strategies.joint_gates import JointGates
from hwcodesign.training.strategies.last_exit import LastExit
from hwcodesign.training.strategies.learned_weights import LearnedWeights
from hwcodesign.training.strategies.personalised import Personalised
from hwcodesign.training.strategies.rewarded_gates import RewardedGates
from hwcodesign.training.strategies.strategy import STRATEGIES, Batch, Strategy, strategy_named
from hwcodesign.training.strategies.variational_gates import OracleExits, VariationalGates

__all__ = [
    "STRATEGIES",
    "Adversarial",
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
    "OracleExits",
    "Personalised",
    "RewardedGates",
    "Strategy",
    "VariationalGates",
    "strategy_named",
]
