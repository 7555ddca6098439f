"""ResNet-8 with weights and activations of 4 bits, trained on after its quantisation, on CIFAR-10 (JPEG)."""

import dataclasses

import hwcodesign as hw
from hwcodesign import layers

_FLOAT = hw.load_recipe("resnet8_cifar")

RECIPE = dataclasses.replace(
    _FLOAT,
    name="resnet8_cifar_w4a4",
    quantisation=hw.Quantisation(
        precision=layers.Precision(4, 4, bias=16, logits=16),
        training=(dataclasses.replace(_FLOAT.training[0], epochs=3, learning_rate=0.001),),
    ),
)
