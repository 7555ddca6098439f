"""BranchyNet's B-LeNet on MNIST, built as in ATHEENA (arXiv 2304.08400), so that figures can be compared."""

from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.data.idx import INPUT_FORMAT, mnist


def network(precision: layers.Precision) -> hw.MultiExitNetwork:
    """Convolution multiply-accumulates: 243,200 up to the first exit, 1,220,000 in stage two."""
    stage_one = nn.Sequential(
        layers.conv2d(1, 5, 5, padding=4, precision=precision),
        nn.MaxPool2d(2),
        layers.relu(precision=precision),
    )
    head_one = nn.Sequential(
        layers.conv2d(5, 10, 3, padding=1, precision=precision),
        nn.MaxPool2d(2),
        layers.relu(precision=precision),
        nn.Flatten(),
        layers.linear(640, 10, precision=precision),
        layers.logits(precision=precision),
    )
    stage_two = nn.Sequential(
        layers.conv2d(5, 10, 5, padding=4, precision=precision),
        nn.MaxPool2d(2),
        layers.relu(precision=precision),
        layers.conv2d(10, 20, 5, padding=3, precision=precision),
        nn.MaxPool2d(2),
        layers.relu(precision=precision),
    )
    head_two = nn.Sequential(
        nn.Flatten(),
        layers.linear(720, 10, precision=precision),
        layers.logits(precision=precision),
    )
    return hw.MultiExitNetwork([stage_one, stage_two], [head_one, head_two], INPUT_FORMAT, (1, 28, 28))


#: Every image goes through the first stage and its head, a pixel of the padded input a cycle. One in fifty goes on; the
#: second stage takes sixteen times as long, so that it keeps up with three times as many.
FOLDING = {
    "heads.0.0": hw.LayerSettings(reuse=3),
    "heads.0.4": hw.LayerSettings(reuse=640),
    "stages.1.0": hw.LayerSettings(reuse=50),
    "stages.1.3": hw.LayerSettings(reuse=100),
    "heads.1.1": hw.LayerSettings(reuse=720),
}

RECIPE = hw.Recipe(
    name="blenet_mnist",
    network=network,
    precision=layers.Precision(weights=4, activations=5),
    data=mnist,
    training=(hw.TrainingSettings(epochs=12, batch_size=256, learning_rate=0.01, shift=2, seed=1),),
    policy=hw.PolicyRequest(criterion="max_softmax", accuracy_drop=0.003, confidence=0.95),
    compile=hw.CompileSettings(board="zc706", layers=FOLDING),
)
