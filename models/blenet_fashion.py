"""B-LeNet on Fashion-MNIST, where early decisions are harder than on MNIST."""

import dataclasses

import hwcodesign as hw
from hwcodesign.data.idx import fashion_mnist

_MNIST = hw.load_recipe("blenet_mnist")

RECIPE = dataclasses.replace(
    _MNIST,
    name="blenet_fashion",
    data=fashion_mnist,
    training=(hw.TrainingSettings(epochs=12, batch_size=256, learning_rate=0.01, shift=1, seed=1),),
    policy=hw.PolicyRequest(criterion="max_softmax", accuracy_drop=0.01, confidence=0.95),
)
