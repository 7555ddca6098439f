"""Training strategies: one module each, all found in `STRATEGIES`."""

from hwcodesign.training.strategies.adversarial import Adversarial  # importing registers them
from hwcodesign.training.strategies.distilled import Distilled
from hwcodesign.training.strategies.equilibrium import GradientEquilibrium
from hwcodesign.training.strategies.heads_only import HeadsOnly
from hwcodesign.training.strategies.hierarchical import Hierarchical
from hwcodesign.training.strategies.joint import Joint
from hwcodesign.training.strategies.last_exit import LastExit
from hwcodesign.training.strategies.learned_weights import LearnedWeights
from hwcodesign.training.strategies.personalised import Personalised
from hwcodesign.training.strategies.strategy import STRATEGIES, Batch, Strategy, strategy_named

__all__ = [
    "STRATEGIES",
    "Adversarial",
    "Batch",
    "Distilled",
    "GradientEquilibrium",
    "HeadsOnly",
    "Hierarchical",
    "Joint",
    "LastExit",
    "LearnedWeights",
    "Personalised",
    "Strategy",
    "strategy_named",
]
