#!/usr/bin/env python3
"""Ten training steps of the mw2 encoder in PyTorch: losses, temperatures, first embeddings and first gradients.

    python tools/goldens/train_steps.py            # writes src/test/resources/goldens/train_steps.json

Needs torch and numpy. Weights, signals and text features are not stored: both sides compute them, bit for bit, from a hash
(GoldenHash.java is the other side).

    u(stream, index) = (splitmix64((stream << 32) + index) >> 40) * 2^-23 - 1        in [-1, 1), exact in float32
    splitmix64(x): z = x + 0x9E3779B97F4A7C15; z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9; z = (z ^ z >> 27) * 0x94D049BB133111EB; z ^ z >> 31

    Element i of parameter p (order below): u(p, i) * scale, one float32 product; scale = float32(1 / sqrt(fan_in)) for convolutions,
    float32(1 / sqrt(512)) for the GRU, its biases too. Norms: weight 1, bias 0. Temperature: float32(0.1), raw.
    Signals of batch b, (8, 6, 1000), flat index i = (n * 6 + c) * 1000 + t, every operation in float32 and all but the sums exact:
        (0.5 * u(100 + b, i) + (c + 1) / 2 * |(t * (n + 1 + 8 b)) mod 256 - 128| / 128) + (9.75 if c == 2 else 0)
    Text features of batch b, (8, 512): u(200 + b, i).

Model: GroupNorm(2, 6), three blocks of Conv1d (no bias, dilation 2) and MaxPool1d(3), GroupNorm(4, 32), a GRU (32 to 512, batch first)
that is given (N, 32 channels, 32 time bins) as it is, so that it steps over channels; the embedding is its last hidden state.
Loss: both sides L2-normalised, logits = imu . text / temperature, mean cross-entropy over rows plus the one over columns.
Adam, lr 2e-4, betas 0.9 and 0.999, eps 1e-8, over encoder and temperature. Step s (from 0) takes batch s mod 2.

In the file: losses[s] before the update of step s and temperatures[s] after it, from float32; the same with "_float64" from a run in
double, which tells rounding from mistakes; embeddings (8 x 512) of the first forward, gradient norms and sampled gradient values
([flat index, value]) of the first step, all from the double run. hash: [stream, index, u].
"""
import json
import os
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "test", "resources", "goldens", "train_steps.json")
N, CHANNELS, T, HIDDEN, STEPS, BATCHES = 8, 6, 1000, 512, 10, 2


def uniform(stream, count, first=0):
    with np.errstate(over="ignore"):
        z = (np.uint64(stream) << np.uint64(32)) + np.arange(first, first + count, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        z = z ^ z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0 ** -23) - np.float32(1)


def signals(batch):
    noise = np.float32(0.5) * uniform(100 + batch, N * CHANNELS * T).reshape(N, CHANNELS, T)
    n, c, t = np.ogrid[:N, :CHANNELS, :T]
    wave = np.abs((t * (n + 1 + 8 * batch)) % 256 - 128).astype(np.float32) / np.float32(128)
    wave = wave * ((c + 1).astype(np.float32) / np.float32(2))
    return torch.from_numpy((noise + wave) + np.where(c == 2, np.float32(9.75), np.float32(0)))


def texts(batch):
    return torch.from_numpy(uniform(200 + batch, N * HIDDEN).reshape(N, HIDDEN))


class Block(nn.Module):
    def __init__(self, inputs, outputs, kernel):
        super().__init__()
        self.net = nn.Sequential(nn.Conv1d(inputs, outputs, kernel, dilation=2, bias=False), nn.MaxPool1d(3))

    def forward(self, x):
        return self.net(x)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.GroupNorm(2, CHANNELS), Block(CHANNELS, 32, 10), Block(32, 32, 5), Block(32, 32, 5),
                                 nn.GroupNorm(4, 32), nn.GRU(32, HIDDEN, batch_first=True))
        scales = {"net.1.net.0.weight": CHANNELS * 10, "net.2.net.0.weight": 32 * 5, "net.3.net.0.weight": 32 * 5}
        with torch.no_grad():
            for p, (name, parameter) in enumerate(self.named_parameters()):
                if name.startswith(("net.0.", "net.4.")):
                    parameter.fill_(1 if name.endswith("weight") else 0)
                else:
                    fan = scales.get(name, HIDDEN)
                    values = uniform(p, parameter.numel()) * np.float32(1 / np.sqrt(np.float64(fan)))
                    parameter.copy_(torch.from_numpy(values).reshape(parameter.shape))

    def forward(self, x):
        return self.net(x)[1][-1]


def train(dtype):
    encoder = Encoder().to(dtype)
    assert sum(p.numel() for p in encoder.parameters()) == 850_892
    temperature = nn.Parameter(torch.tensor(np.float32(0.1)).to(dtype))
    named = dict(encoder.named_parameters(), temperature=temperature)
    adam = torch.optim.Adam(named.values(), lr=2e-4)
    record = {"losses": [], "temperatures": []}
    for step in range(STEPS):
        imu = encoder(signals(step % BATCHES).to(dtype))
        logits = F.normalize(imu, eps=1e-12) @ F.normalize(texts(step % BATCHES).to(dtype), eps=1e-12).T / temperature
        target = torch.arange(N)
        loss = F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)
        adam.zero_grad()
        loss.backward()
        if step == 0:
            record["embeddings"] = rounded(imu.flatten())
            record["gradients"] = {name: gradient(p) for name, p in named.items()}
        adam.step()
        record["losses"].append(loss.item())
        record["temperatures"].append(temperature.item())
    return record


def rounded(values):
    return [float(f"{v:.9g}") for v in values.tolist()]


def gradient(parameter):
    flat = parameter.grad.flatten()
    samples = sorted({k * len(flat) // 5 for k in range(5)} | {len(flat) - 1})
    return {"shape": list(parameter.shape), "norm": rounded(flat.norm()[None])[0],
            "samples": [[i, rounded(flat[i][None])[0]] for i in samples]}


def main():
    torch.manual_seed(0)
    single, double = train(torch.float32), train(torch.float64)
    drift = max(abs(a / b - 1) for a, b in zip(single["losses"], double["losses"]))
    print(f"losses {single['losses'][0]:.6f} to {single['losses'][-1]:.6f}; float32 differs from float64 by at most {drift:.1e}",
          file=sys.stderr)
    signal, text = signals(1).flatten(), texts(1).flatten()
    golden = {
        "torch": torch.__version__,
        "hash": [[s, i, float(uniform(s, 1, i)[0])] for s, i in [(0, 0), (2, 1), (8, 786431), (100, 47999), (201, 4095), (4294967295, 7)]],
        "signal_samples": [[i, signal[i].item()] for i in [0, 1, 999, 2500, 14999, 47999]],
        "text_samples": [[i, text[i].item()] for i in [0, 511, 4095]],
        "weight_samples": {name: [[i, p.flatten()[i].item()] for i in sorted({0, p.numel() // 2, p.numel() - 1})]
                           for name, p in Encoder().named_parameters()},
        "losses": single["losses"], "losses_float64": double["losses"],
        "temperatures": single["temperatures"], "temperatures_float64": double["temperatures"],
        "gradients": double["gradients"], "embeddings": double["embeddings"],
    }
    with open(OUT, "w") as f:
        f.write("{\n" + ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items()) + "\n}\n")


if __name__ == "__main__":
    main()
