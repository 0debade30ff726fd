"""The pre-training step of src/jmh/.../StepBenchmark in PyTorch eager: median milliseconds for batches of 32 and 256 windows of 1000 samples.

    python tools/peers/pytorch_step.py [--batch 32 256] [--seconds 15]
"""
import argparse
import json
import statistics
import time

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, channels, kernel):
        super().__init__()
        self.net = nn.Sequential(nn.Conv1d(channels, 32, kernel, dilation=2, bias=False), nn.MaxPool1d(3))

    def forward(self, x):
        return self.net(x)


class Mw2(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.GroupNorm(2, 6), Block(6, 10), Block(32, 5), Block(32, 5), nn.GroupNorm(4, 32),
                                 nn.GRU(32, 512, batch_first=True))

    def forward(self, x):
        return self.net(x)[1][0]


def median_ms(run, seconds):
    for _ in range(3):
        run()
    times, end = [], time.time() + seconds
    while time.time() < end or len(times) < 5:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--batch", type=int, nargs="+", default=[32, 256])
    options.add_argument("--seconds", type=float, default=15)
    options = options.parse_args()
    torch.manual_seed(0)
    for batch in options.batch:
        encoder = Mw2()
        scale = nn.Parameter(torch.tensor(2.3))
        adam = torch.optim.Adam([*encoder.parameters(), scale], lr=2e-4)
        signals, targets = torch.randn(batch, 6, 1000), torch.randn(batch, 512)
        labels = torch.arange(batch)

        def step():
            adam.zero_grad()
            logits = scale.exp() * nn.functional.normalize(encoder(signals)) @ nn.functional.normalize(targets).T
            loss = nn.functional.cross_entropy(logits, labels) + nn.functional.cross_entropy(logits.T, labels)
            loss.backward()
            adam.step()
            return loss.item()

        def forward():
            with torch.no_grad():
                encoder(signals)

        print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads(), "batch": batch,
                          "step_ms": round(median_ms(step, options.seconds), 2), "forward_ms": round(median_ms(forward, options.seconds), 2)}))


if __name__ == "__main__":
    main()
