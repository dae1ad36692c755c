"""AGM in plain PyTorch, written the usual way: the other side of `agm_speed.py`.

Two ResNet-18 whose vectors are joined, a linear layer, and a step that runs the model three times:
with both images, and with each of them zero. The last two run in inference mode and keep their
gradients, which are scaled on their way back by hooks. A test holds the step to kerasfuse's own.
"""

import torch
from torch import nn


class Block(nn.Module):
    """Two convolutions of size 3 and what goes past them."""

    def __init__(self, before, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = None
        if stride != 1 or before != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x):
        inner = torch.relu(self.bn1(self.conv1(x)))
        past = x if self.shortcut is None else self.shortcut(x)
        return torch.relu(past + self.bn2(self.conv2(inner)))


class ResNet18(nn.Module):
    """An image `(batch, channels, height, width)` to a vector `(batch, 8 width)`."""

    def __init__(self, channels, width=64):
        super().__init__()
        self.stem = nn.Conv2d(channels, width, 7, 2, 3, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.pool = nn.MaxPool2d(3, 2, 1)
        before, blocks = width, []
        for stage, factor in enumerate((1, 2, 4, 8)):
            for block in range(2):
                stride = 2 if stage and not block else 1
                blocks.append(Block(before, factor * width, stride))
                before = factor * width
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x):
        x = self.pool(torch.relu(self.norm(self.stem(x))))
        return self.blocks(x).mean((2, 3))


class Scale(nn.Module):
    """The identity, whose gradient is multiplied by `factor`."""

    def __init__(self):
        super().__init__()
        self.factor = 1.0
        self.register_full_backward_hook(lambda _, before, after: (before[0] * self.factor,))

    def forward(self, x):
        return x * 1.0


class LateFusion(nn.Module):
    """Two encoders, and a linear layer on both of their vectors."""

    def __init__(self, channels, classes, width=64):
        super().__init__()
        self.encoders = nn.ModuleList(ResNet18(c, width) for c in channels)
        self.head = nn.Linear(16 * width, classes)

    def forward(self, images):
        return self.head(
            torch.cat([f(x) for f, x in zip(self.encoders, images, strict=True)], dim=1)
        )


class PlainAGM(nn.Module):
    """A step of AGM for two modalities.

    Args:
        model: a `LateFusion`.
        alpha: strength of the modulation.
    """

    def __init__(self, model, alpha):
        super().__init__()
        self.model, self.alpha = model, alpha
        self.scales = nn.ModuleList([Scale(), Scale()])
        self.steps, self.means = 0, [0.0, 0.0]

    def loss(self, images, labels):
        """Return the loss of a training step, with the factors of the gradients set."""
        both = self.model(images)
        self.model.eval()
        alone = [
            self.model([x if i == kept else torch.zeros_like(x) for i, x in enumerate(images)])
            for kept in range(2)
        ]
        self.model.train()
        shares = [(both - alone[1 - i] + alone[i]) / 2 for i in range(2)]
        errors = []
        for share in shares:
            chances = torch.softmax(share.detach(), dim=1)
            of_label = chances[torch.arange(len(labels)), labels].clamp_min(1e-8)
            errors.append(-of_label.log().mean().item())
        for i in range(2):
            ratio = torch.tensor(errors[1 - i] - errors[i]).exp()
            reference = torch.tensor(self.means[1 - i] - self.means[i]).exp()
            self.scales[i].factor = torch.exp(self.alpha * (reference - ratio)).item()
        self.steps += 1
        self.means = [m + (e - m) / self.steps for m, e in zip(self.means, errors, strict=True)]
        scaled = [scale(share) for scale, share in zip(self.scales, shares, strict=True)]
        return nn.functional.cross_entropy(scaled[0] + scaled[1], labels)
