"""Writes golden files: inputs, results and gradients of PyTorch for the tests of our ops.

A file <op>.safetensors holds for each case the tensors <case>.x0, .x1 ... (inputs), .y (result), .dy (cotangent) and .dx0 ...
(gradients of the floating-point inputs). Run the scripts from the project's root:  python tools/goldens/ops.py
"""
from pathlib import Path

import torch
from safetensors.torch import save_file

FOLDER = Path("src/test/resources/goldens")


class Goldens:
    def __init__(self, op, seed=0):
        self.op = op
        self.tensors = {}
        torch.manual_seed(seed)

    def case(self, name, function, *inputs, constants=()):
        """One case; no gradient flows to integer inputs and to those whose numbers are in `constants`."""
        leaves = [x.detach().clone() for x in inputs]
        for i, x in enumerate(leaves):
            x.requires_grad_(x.is_floating_point() and i not in constants)
        y = function(*leaves)
        for i, x in enumerate(inputs):
            self.tensors[f"{name}.x{i}"] = x.detach().clone().contiguous()
        self.tensors[f"{name}.y"] = y.detach().clone().contiguous()
        if y.requires_grad:
            dy = torch.randn(y.shape)
            y.backward(dy)
            self.tensors[f"{name}.dy"] = dy
            for i, x in enumerate(leaves):
                if x.grad is not None:
                    self.tensors[f"{name}.dx{i}"] = x.grad.clone().contiguous()

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        if error is None:
            FOLDER.mkdir(parents=True, exist_ok=True)
            save_file(self.tensors, FOLDER / f"{self.op}.safetensors", metadata={"torch": torch.__version__.split("+")[0]})
            (FOLDER / f"{self.op}.safetensors").chmod(0o644)
            print(f"{self.op}: {len(self.tensors)} tensors, {(FOLDER / f'{self.op}.safetensors').stat().st_size} bytes")
