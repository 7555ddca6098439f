"""A MobileNetV2 with three exits, on CIFAR-10 (JPEG).

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (CVPR 2018), with the strides that 32x32 pixels
leave room for. In full: BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 1)), ((6, 32, 3, 2), (6, 64, 4, 2)),
((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)); FIRST, LAST = 32, 1280; EPOCHS = 200.
"""

from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign.data.cifar import cifar10_jpeg
from hwcodesign.data.image_folders import INPUT_FORMAT
from hwcodesign.networks.blocks import average_head, convolution

#: Of each stage: expansion, channels, number and first stride of blocks.
BLOCKS = (
    ((1, 8, 1, 1), (4, 12, 1, 2)),
    ((4, 16, 2, 2),),
    ((4, 24, 2, 1), (4, 32, 1, 2)),
)
#: Of the first convolution and of the last one.
FIRST, LAST = 16, 128
CLASSES = 10
EPOCHS = 4


def clipped(inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Returns a convolution with a rectifier that ends at 6."""
    return [*convolution(inputs, outputs, kernel, stride=stride, groups=groups), nn.ReLU6()]


class Inverted(nn.Module):
    """An inverted residual is narrow at both ends and wide within, where a depthwise convolution works."""

    def __init__(self, inputs: int, outputs: int, *, expansion: int, stride: int) -> None:
        super().__init__()
        wide = expansion * inputs
        self.body = nn.Sequential(
            *(clipped(inputs, wide, 1) if expansion > 1 else []),
            *clipped(wide, wide, 3, stride=stride, groups=wide),
            *convolution(wide, outputs, 1),
        )
        self.adds = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """Computes the block, and adds its input where the shapes agree."""
        made: Tensor = self.body(x)
        return x + made if self.adds else made


def stage(inputs: int, blocks: tuple[tuple[int, int, int, int], ...]) -> tuple[list[nn.Module], int]:
    """Returns a stage's blocks, and their channels."""
    made: list[nn.Module] = []
    for expansion, outputs, count, stride in blocks:
        for i in range(count):
            made.append(Inverted(inputs, outputs, expansion=expansion, stride=stride if i == 0 else 1))
            inputs = outputs
    return made, inputs


def network() -> hw.FloatNetwork:
    """32x32 -> 16x16 -> 8x8 -> 4x4 pixels."""
    stages, heads, channels = [], [], FIRST
    for k, blocks in enumerate(BLOCKS):
        made, channels = stage(channels, blocks)
        stages.append(nn.Sequential(*(clipped(3, FIRST, 3) if k == 0 else []), *made))
        heads.append(nn.Sequential(*clipped(channels, LAST, 1), *average_head(LAST, CLASSES)))
    return hw.FloatNetwork(stages, heads, INPUT_FORMAT, (3, 32, 32))


RECIPE = hw.Recipe(
    name="mobilenet_cifar",
    network=network,
    data=cifar10_jpeg,
    training=(
        hw.TrainingSettings(epochs=EPOCHS, batch_size=128, learning_rate=0.01, crop=4, flip=True, seed=1, threads=2),
    ),
    compile=hw.CompileSettings(board="zc706", reuse=64),
    quantisation=hw.Quantisation(),
    policy=hw.PolicyRequest(criterion="max_softmax", budget=0.8),
)
