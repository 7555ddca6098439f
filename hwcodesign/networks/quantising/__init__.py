"""This package makes integer networks of float ones, with Brevitas' graph mode."""

from hwcodesign.networks.quantising.noise import TensorNoise, quantisation_noise
from hwcodesign.networks.quantising.quantise import quantise

__all__ = ["TensorNoise", "quantisation_noise", "quantise"]
