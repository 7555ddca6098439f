"""Small PyTorch models of all the forms that people write: functions, odd arguments, views, joins, paddings."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

IMAGE = (2, 6, 6)


class Net(nn.Module):
    """A function of itself and of its input."""

    def __init__(self, function: Callable[..., Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


class Inner(nn.Module):
    """A module of modules."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu = conv(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.relu(self.conv(x))
        return result


class Split(nn.Module):
    """Two halves of the channels, each through a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.left, self.right = conv(2, 4), conv(), conv()

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.first(x).chunk(2, 1)
        return torch.add(self.left(left), self.right(right))


def conv(inputs: int = 2, outputs: int = 2, kernel: int = 3, padding: int = 1, **arguments: str) -> nn.Module:
    return nn.Conv2d(inputs, outputs, kernel, padding=padding, **arguments)


def shared() -> nn.Module:
    relu = nn.ReLU()
    return nn.Sequential(conv(), relu, conv(), relu)


MODELS: dict[str, Callable[[], tuple[nn.Module, tuple[int, ...]]]] = {
    "rsub": lambda: (Net(lambda n, x: 1 - n.c(x), c=conv()), IMAGE),
    "sub1": lambda: (Net(lambda n, x: n.c(x) - 1, c=conv()), IMAGE),
    "mul2": lambda: (Net(lambda n, x: n.c(x) * 2, c=conv()), IMAGE),
    "rmul2": lambda: (Net(lambda n, x: 2 * n.c(x), c=conv()), IMAGE),
    "mul-1+1": lambda: (Net(lambda n, x: n.c(x) * -1.0 + 1.0, c=conv()), IMAGE),
    "neg": lambda: (Net(lambda n, x: -n.c(x), c=conv()), IMAGE),
    "div": lambda: (Net(lambda n, x: n.c(x) / 2, c=conv()), IMAGE),
    "add1": lambda: (Net(lambda n, x: n.c(x) + 1, c=conv()), IMAGE),
    "radd1": lambda: (Net(lambda n, x: 1 + n.c(x), c=conv()), IMAGE),
    "subt": lambda: (Net(lambda n, x: n.c(x) - n.d(x), c=conv(), d=conv()), IMAGE),
    "mult": lambda: (Net(lambda n, x: n.c(x) * n.d(x), c=conv(), d=conv()), IMAGE),
    "addt": lambda: (Net(lambda n, x: n.d(n.r(x)) + n.r(x), r=nn.ReLU(), d=conv()), IMAGE),
    "add_kw": lambda: (Net(lambda n, x: torch.add(input=n.r(x), other=n.c(x)), r=nn.ReLU(), c=conv()), IMAGE),
    "torch.relu": lambda: (Net(lambda n, x: torch.relu(n.c(x)), c=conv()), IMAGE),
    "F.relu": lambda: (Net(lambda n, x: functional.relu(n.c(x)), c=conv()), IMAGE),
    "x.relu": lambda: (Net(lambda n, x: n.c(x).relu(), c=conv()), IMAGE),
    "relu6": lambda: (nn.Sequential(conv(), nn.ReLU6()), IMAGE),
    "sigmoid": lambda: (nn.Sequential(conv(), nn.Sigmoid()), IMAGE),
    "softmax": lambda: (nn.Sequential(nn.Linear(4, 4), nn.Softmax(dim=-1)), (4,)),
    "leaky": lambda: (nn.Sequential(conv(), nn.LeakyReLU()), IMAGE),
    "avgpool_pos": lambda: (Net(lambda n, x: functional.avg_pool2d(n.c(x), 3, 2), c=conv()), IMAGE),
    "avgpool_kw": lambda: (Net(lambda n, x: functional.avg_pool2d(n.c(x), 2, stride=2, padding=0), c=conv()), IMAGE),
    "avgpool_k": lambda: (Net(lambda n, x: functional.avg_pool2d(n.c(x), 2), c=conv()), IMAGE),
    "avgpool_tuple": lambda: (
        Net(lambda n, x: functional.avg_pool2d(n.c(x), (2, 2), stride=(2, 2), padding=(0, 0)), c=conv()),
        IMAGE,
    ),
    "maxpool_pos": lambda: (Net(lambda n, x: functional.max_pool2d(n.c(x), 3, 2), c=conv()), IMAGE),
    "maxpool_pad": lambda: (Net(lambda n, x: functional.max_pool2d(n.c(x), 3, 2, 1), c=conv()), IMAGE),
    "maxpool_kw": lambda: (Net(lambda n, x: functional.max_pool2d(n.c(x), kernel_size=2), c=conv()), IMAGE),
    "maxpool_idx": lambda: (Net(lambda n, x: n.p(n.c(x))[0], c=conv(), p=nn.MaxPool2d(2, return_indices=True)), IMAGE),
    "adaptive1": lambda: (nn.Sequential(conv(), nn.AdaptiveAvgPool2d(1)), IMAGE),
    "adaptive3": lambda: (nn.Sequential(conv(), nn.AdaptiveAvgPool2d(3)), IMAGE),
    "F.adaptive": lambda: (Net(lambda n, x: functional.adaptive_avg_pool2d(n.c(x), 1), c=conv()), IMAGE),
    "mean": lambda: (Net(lambda n, x: n.c(x).mean(dim=(2, 3)), c=conv()), IMAGE),
    "torch.mean": lambda: (Net(lambda n, x: torch.mean(n.c(x), (2, 3)), c=conv()), IMAGE),
    "flat_kw": lambda: (Net(lambda n, x: n.l(torch.flatten(n.c(x), start_dim=1)), c=conv(), l=nn.Linear(72, 3)), IMAGE),
    "flat_1": lambda: (Net(lambda n, x: n.l(torch.flatten(n.c(x), 1)), c=conv(), l=nn.Linear(72, 3)), IMAGE),
    "flat_neg": lambda: (Net(lambda n, x: n.l(torch.flatten(n.c(x), -3)), c=conv(), l=nn.Linear(72, 3)), IMAGE),
    "x.flatten": lambda: (Net(lambda n, x: n.l(n.c(x).flatten(1)), c=conv(), l=nn.Linear(72, 3)), IMAGE),
    "x.flatten()": lambda: (Net(lambda n, x: n.c(x).flatten(), c=conv()), IMAGE),
    "flat2": lambda: (nn.Sequential(conv(), nn.Flatten(2)), IMAGE),
    "view-1": lambda: (Net(lambda n, x: n.l(n.c(x).view(-1, 72)), c=conv(), l=nn.Linear(72, 3)), IMAGE),
    "view1-1": lambda: (Net(lambda n, x: n.l(n.c(x).view(1, -1)), c=conv(), l=nn.Linear(72, 3)), IMAGE),
    "viewsize": lambda: (Net(lambda n, x: n.l(n.c(x).view(x.size(0), -1)), c=conv(), l=nn.Linear(72, 3)), IMAGE),
    "viewshape": lambda: (Net(lambda n, x: n.l(n.c(x).view(x.shape[0], -1)), c=conv(), l=nn.Linear(72, 3)), IMAGE),
    "view_tuple": lambda: (Net(lambda n, x: n.l(n.c(x).view((-1, 72))), c=conv(), l=nn.Linear(72, 3)), IMAGE),
    "reshape": lambda: (Net(lambda n, x: n.l(n.c(x).reshape(-1, 72)), c=conv(), l=nn.Linear(72, 3)), IMAGE),
    "t.reshape": lambda: (Net(lambda n, x: n.l(torch.reshape(n.c(x), (-1, 72))), c=conv(), l=nn.Linear(72, 3)), IMAGE),
    "permute": lambda: (Net(lambda n, x: n.c(x).permute(0, 2, 3, 1), c=conv()), IMAGE),
    "transpose": lambda: (Net(lambda n, x: n.c(x).transpose(1, 2), c=conv()), IMAGE),
    "t.transpose": lambda: (Net(lambda n, x: torch.transpose(n.c(x), -1, -2), c=conv()), IMAGE),
    "unsq": lambda: (Net(lambda n, x: n.l(x).unsqueeze(1), l=nn.Linear(4, 3)), (4,)),
    "sq": lambda: (Net(lambda n, x: n.c(x).squeeze(1), c=conv(2, 1)), IMAGE),
    "sq-neg": lambda: (Net(lambda n, x: n.p(n.c(x)).squeeze(-1).squeeze(-1), c=conv(), p=nn.AvgPool2d(6)), IMAGE),
    "slice": lambda: (Net(lambda n, x: n.c(x[:, :, 1:]), c=conv()), IMAGE),
    "chunk": lambda: (Split(), IMAGE),
    "split": lambda: (Net(lambda n, x: torch.cat(torch.split(n.c(x), 1, dim=1), 1), c=conv()), IMAGE),
    "cat": lambda: (Net(lambda n, x: torch.cat([n.r(n.c(x)), n.d(n.c(x))], 1), c=conv(), d=conv(), r=nn.ReLU()), IMAGE),
    "cat_kw": lambda: (
        Net(lambda n, x: torch.cat([n.r(y := n.c(x)), n.d(y)], dim=1), c=conv(), d=conv(), r=nn.ReLU()),
        IMAGE,
    ),
    "cat_neg": lambda: (
        Net(lambda n, x: torch.cat([n.r(y := n.c(x)), n.d(y)], dim=-3), c=conv(), d=conv(), r=nn.ReLU()),
        IMAGE,
    ),
    "cat_last": lambda: (
        Net(lambda n, x: torch.cat([n.r(y := n.c(x)), n.d(y)], dim=-1), c=conv(), d=conv(), r=nn.ReLU()),
        IMAGE,
    ),
    "cat3": lambda: (
        Net(lambda n, x: torch.cat([n.r(y := n.c(x)), n.d(y), y], dim=1), c=conv(), d=conv(), r=nn.ReLU()),
        IMAGE,
    ),
    "stack": lambda: (Net(lambda n, x: torch.stack([n.c(x), x], 1), c=conv()), IMAGE),
    "dropout": lambda: (nn.Sequential(conv(), nn.Dropout(0.5), nn.ReLU()), IMAGE),
    "dropout2d": lambda: (nn.Sequential(conv(), nn.Dropout2d(0.5), nn.ReLU()), IMAGE),
    "F.dropout": lambda: (Net(lambda n, x: functional.dropout(n.c(x), training=False), c=conv()), IMAGE),
    "identity": lambda: (nn.Sequential(conv(), nn.Identity(), nn.ReLU()), IMAGE),
    "nested": lambda: (nn.Sequential(nn.Sequential(conv(), nn.Sequential(nn.ReLU(), conv())), nn.ReLU()), IMAGE),
    "inner": lambda: (nn.Sequential(Inner(), Inner()), IMAGE),
    "shared": lambda: (shared(), IMAGE),
    "sharedconv": lambda: (Net(lambda n, x: n.c(n.r(n.c(x))), c=conv(), r=nn.ReLU()), IMAGE),
    "reflect": lambda: (nn.Sequential(conv(padding_mode="reflect")), IMAGE),
    "circular": lambda: (nn.Sequential(conv(padding_mode="circular")), IMAGE),
    "replicate": lambda: (nn.Sequential(conv(padding_mode="replicate")), IMAGE),
    "same": lambda: (nn.Sequential(nn.Conv2d(2, 3, 3, padding="same")), IMAGE),
    "valid": lambda: (nn.Sequential(nn.Conv2d(2, 3, 3, padding="valid")), IMAGE),
    "same4": lambda: (nn.Sequential(nn.Conv2d(2, 3, 4, padding="same")), IMAGE),
    "dil": lambda: (nn.Sequential(nn.Conv2d(2, 3, 3, dilation=2)), IMAGE),
    "groups": lambda: (nn.Sequential(nn.Conv2d(2, 4, 3, groups=2)), IMAGE),
    "nobias": lambda: (nn.Sequential(nn.Conv2d(2, 4, 3, bias=False)), IMAGE),
    "convT": lambda: (nn.Sequential(nn.ConvTranspose2d(2, 4, 3, output_padding=1, stride=2)), IMAGE),
    "conv1d": lambda: (nn.Sequential(nn.Conv1d(2, 4, 3, padding=1), nn.ReLU(), nn.AvgPool1d(2)), (2, 8)),
    "conv1dsame": lambda: (nn.Sequential(nn.Conv1d(2, 4, 3, padding="same")), (2, 8)),
    "pool1dF": lambda: (Net(lambda n, x: functional.max_pool1d(n.c(x), 2), c=nn.Conv1d(2, 4, 3)), (2, 8)),
    "avg1dF": lambda: (Net(lambda n, x: functional.avg_pool1d(n.c(x), 2), c=nn.Conv1d(2, 4, 3)), (2, 8)),
    "asym": lambda: (nn.Sequential(nn.Conv2d(2, 3, (3, 1), padding=(1, 0), stride=(1, 2))), IMAGE),
    "pad": lambda: (Net(lambda n, x: n.c(functional.pad(x, (1, 1, 1, 1))), c=conv()), IMAGE),
    "zeropad": lambda: (nn.Sequential(nn.ZeroPad2d(1), conv()), IMAGE),
    "constpad1": lambda: (nn.Sequential(nn.ConstantPad2d(1, 1.0), conv()), IMAGE),
    "upsample": lambda: (nn.Sequential(conv(), nn.Upsample(scale_factor=2)), IMAGE),
    "maxpoolpadm": lambda: (nn.Sequential(conv(), nn.MaxPool2d(3, 2, padding=1)), IMAGE),
    "avgpad_nocount": lambda: (nn.Sequential(conv(), nn.AvgPool2d(2, 2, padding=1, count_include_pad=False)), IMAGE),
    "bn": lambda: (nn.Sequential(conv(), nn.BatchNorm2d(2), nn.ReLU()), IMAGE),
    "bn_noaffine": lambda: (nn.Sequential(conv(), nn.BatchNorm2d(2, affine=False), nn.ReLU()), IMAGE),
    "bn_notrack": lambda: (nn.Sequential(conv(), nn.BatchNorm2d(2, track_running_stats=False), nn.ReLU()), IMAGE),
    "layernorm": lambda: (nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)), (4,)),
    "linear3d": lambda: (nn.Sequential(nn.Linear(6, 4)), (2, 6)),
    "linear4d": lambda: (nn.Sequential(nn.Linear(6, 4)), IMAGE),
    "F.linear": lambda: (Net(lambda n, x: functional.linear(x, n.l.weight, n.l.bias), l=nn.Linear(4, 3)), (4,)),
    "F.conv2d": lambda: (Net(lambda n, x: functional.conv2d(x, n.c.weight, n.c.bias), c=conv()), IMAGE),
    "matmul": lambda: (Net(lambda n, x: x @ n.l.weight.t(), l=nn.Linear(4, 3)), (4,)),
    "if": lambda: (Net(lambda n, x: n.c(x) if x.sum() > 0 else x, c=conv()), IMAGE),
    "twoout": lambda: (Net(lambda n, x: (n.c(x), n.r(x)), c=conv(), r=nn.ReLU()), IMAGE),
    "clamp": lambda: (Net(lambda n, x: torch.clamp(n.c(x), 0, 1), c=conv()), IMAGE),
    "abs": lambda: (Net(lambda n, x: n.c(x).abs(), c=conv()), IMAGE),
    "sum": lambda: (Net(lambda n, x: n.c(x).sum(1), c=conv()), IMAGE),
    "contig": lambda: (Net(lambda n, x: n.l(n.c(x).contiguous().view(-1, 72)), c=conv(), l=nn.Linear(72, 3)), IMAGE),
    "iadd": lambda: (Net(lambda n, x: n.c(x).add_(x), c=conv()), IMAGE),
    "const": lambda: (nn.Sequential(nn.Identity()), IMAGE),
}
