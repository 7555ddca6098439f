"""B-LeNet with three exits on Fashion-MNIST, where early decisions are harder than on MNIST."""

import dataclasses

import hwcodesign as hw
from hwcodesign.data.idx import fashion_mnist

RECIPE = dataclasses.replace(hw.load_recipe("blenet3_mnist"), name="blenet3_fashion", data=fashion_mnist)
