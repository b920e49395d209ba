#!/usr/bin/env python3
"""Writes the models that torch and torchvision define as ONNX.

usage: export.py OUT.onnx resnet50
       export.py OUT.onnx mamba WIDTH

  resnet50  torchvision's, seeded weights; input [1, 3, 224, 224]
  mamba     2 layers (arXiv 2312.00752) whose selective scan is torch's `scan`
            operator, which exports as one ONNX Scan per layer; x [1, seq,
            WIDTH] with a dynamic seq
"""
import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))


class MambaBlock(nn.Module):

    def __init__(self, width, state=16, window=4):
        super().__init__()
        inner, rank = 2 * width, width // 16
        self.sizes = rank, state, state
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.into = nn.Linear(width, 2 * inner, bias=False)
        self.conv = nn.Conv1d(inner, inner, window, groups=inner,
                              padding=window - 1)
        self.mix = nn.Linear(inner, sum(self.sizes), bias=False)
        self.rate = nn.Linear(rank, inner)
        steps = torch.arange(1, state + 1, dtype=torch.float32)
        self.log_a = nn.Parameter(steps.repeat(inner, 1).log())
        self.skip = nn.Parameter(torch.ones(inner))
        self.out = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        from torch._higher_order_ops.scan import scan
        batch, length, _ = x.shape
        u, gate = self.into(self.norm(x)).chunk(2, -1)
        u = self.conv(u.transpose(1, 2))[..., :length].transpose(1, 2)
        u = F.silu(u)
        rate, write, read = self.mix(u).split(self.sizes, -1)
        dt = F.softplus(self.rate(rate))
        a = -torch.exp(self.log_a)

        def step(h, now):
            u, dt, write, read = now
            h = torch.exp(dt.unsqueeze(-1) * a) * h + (
                dt * u).unsqueeze(-1) * write.unsqueeze(1)
            return h, (h * read.unsqueeze(1)).sum(-1)

        h = torch.zeros(batch, *self.log_a.shape)
        _, y = scan(step, h, tuple(
            v.transpose(0, 1) for v in (u, dt, write, read)))
        y = y.transpose(0, 1) + u * self.skip
        return x + self.out(y * F.silu(gate))


def resnet50(path):
    import torchvision_shim  # pylint: disable=unused-import
    import torchvision
    model = torchvision.models.resnet50(weights=None).eval()
    # As after training: means and variances near those of the values, so that
    # no layer shrinks or blows up what it is given.
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(4, 3, 128, 128))
    model.eval()
    torch.onnx.export(model, (torch.randn(1, 3, 224, 224),), path, dynamo=True,
                      external_data=False, input_names=["x"],
                      output_names=["y"])


def mamba(path, width):
    width = int(width)
    model = nn.Sequential(MambaBlock(width), MambaBlock(width)).eval()
    torch.onnx.export(
        model, (torch.randn(1, 64, width),), path, dynamo=True,
        external_data=False, input_names=["x"], output_names=["y"],
        dynamic_shapes=({1: torch.export.Dim("seq", min=2, max=4096)},))


def main():
    exports = {"resnet50": (resnet50, 0), "mamba": (mamba, 1)}
    path, name, *options = sys.argv[1:] + [None] * (3 - len(sys.argv))
    if name not in exports or len(options) != exports[name][1]:
        sys.exit(__doc__)
    torch.manual_seed(0)
    with torch.no_grad():
        exports[name][0](path, *options)


if __name__ == "__main__":
    main()
