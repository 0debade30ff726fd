"""The pre-training step of `imu2clip bench step` in PyTorch on the same GPU: mw2 on windows of 1000 samples against given embeddings,
forward, symmetric InfoNCE, backward, Adam, the loss read by the host. Medians in milliseconds, and ratios.

    python tools/peers/cuda_step.py [--batch 32 512] [--rounds 3] [--seconds 5] [--launcher ./imu2clip] [--json OUT]
    python tools/peers/cuda_step.py --device cpu --batch 4 --seconds 1 --rounds 1          whether the script itself runs

Contestants: eager, torch.compile, a whole step as a CUDA graph (captured by hand, Adam capturable), and torch.compile in a CUDA graph. In
float32 (TF32 off), TF32 (`torch.set_float32_matmul_precision('high')`, and cuDNN's) and bfloat16 autocast. Adam is fused where the device
has it. Rounds are interleaved: every round runs every contestant.
"""
import argparse
import sys

import torch
from torch import nn

from cuda_common import measure_here, note_into, print_table, sampled_ms, set_precision, write_json
from pytorch_step import Mw2


class Step:
    """A training step whose inputs stay where they are."""

    def __init__(self, device, batch, precision, compiled=False, graph=False):
        torch.manual_seed(0)
        self.device, self.precision = device, precision
        self.encoder = Mw2().to(device)
        self.scale = nn.Parameter(torch.tensor(2.3, device=device))
        self.adam = torch.optim.Adam([*self.encoder.parameters(), self.scale], lr=2e-4, fused=device == "cuda", capturable=device == "cuda")
        self.signals = torch.randn(batch, 6, 1000, device=device)
        self.targets = nn.functional.normalize(torch.randn(batch, 512, device=device))
        self.labels = torch.arange(batch, device=device)
        self.forward = torch.compile(self.loss_of) if compiled else self.loss_of
        self.graph = None
        if graph:
            self.capture()

    def loss_of(self, signals, targets):
        with torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16"):
            embedded = self.encoder(signals)
        logits = self.scale.exp() * nn.functional.normalize(embedded.float()) @ targets.T
        return nn.functional.cross_entropy(logits, self.labels) + nn.functional.cross_entropy(logits.T, self.labels)

    def work(self):
        self.adam.zero_grad(set_to_none=self.graph is None)
        loss = self.forward(self.signals, self.targets)
        loss.backward()
        self.adam.step()
        return loss.detach()

    def capture(self):
        """As PyTorch's notes on CUDA graphs have it: warm up on another stream, then record one step."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(5):
                self.work()
        torch.cuda.current_stream().wait_stream(stream)
        self.adam.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.loss = self.work()
        self.graph = graph

    def run(self):
        if self.graph is None:
            return self.work().item()
        self.graph.replay()
        return self.loss.item()


FORMS = {"eager": {}, "compile": {"compiled": True}, "CUDA graph": {"graph": True}, "compile, CUDA graph": {"compiled": True, "graph": True}}


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    options.add_argument("--batch", type=int, nargs="+", default=[32, 512])
    options.add_argument("--precision", nargs="+", choices=["fp32", "tf32", "bf16"])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=float, default=5, help="for every contestant in every round")
    options.add_argument("--launcher", default="./imu2clip", help="ours; empty to leave it out")
    options.add_argument("--json", metavar="OUT")
    options = options.parse_args()
    cuda = options.device == "cuda"
    precisions = options.precision or (["fp32", "tf32", "bf16"] if cuda else ["fp32"])
    forms = {name: form for name, form in FORMS.items() if cuda or not form.get("graph")}
    times, failures = {}, {}
    for _ in range(options.rounds):
        measure_here(options, times, failures, "step", precisions, "--steps", options.batch)
        for batch in options.batch:
            for precision in precisions:
                set_precision(precision)
                for name, form in forms.items():
                    task = f"step {batch} {precision}"
                    if name in failures.get(task, {}):
                        continue
                    try:
                        torch.compiler.reset()
                        step = Step(options.device, batch, precision, **form)
                        note_into(times, task, name, sampled_ms(step.run, options.seconds))
                    except Exception as failure:  # one contestant less, and it is named
                        failures.setdefault(task, {})[name] = repr(failure)[:500]
                        print(f"{task}, {name}: {failure!r}"[:500], file=sys.stderr, flush=True)
    print_table(times)
    write_json(options, times, failures)


if __name__ == "__main__":
    main()
