"""B-LeNet with five exits on Fashion-MNIST, where early decisions are harder than on MNIST."""

import dataclasses

import hwcodesign as hw
from hwcodesign.data.idx import fashion_mnist

RECIPE = dataclasses.replace(hw.load_recipe("blenet5_mnist"), name="blenet5_fashion", data=fashion_mnist)
