"""Goldens of the motion encoders: mw2 at the ends of its range, and mw2_time, where the GRU steps over time, at other lengths. Weights and signals are
those of train_steps.py, which the tests compute themselves."""
import torch

from goldens import Goldens
from train_steps import Encoder, signals

encoder = Encoder()


def over_time(x):
    for layer in encoder.net[:-1]:
        x = layer(x)
    return encoder.net[-1](x.transpose(1, 2))[1][-1]


with Goldens("mw2") as g:
    x = signals(0)[:2]
    long = torch.cat([x, signals(1)[:2]], dim=2)
    with torch.no_grad():
        for samples in (978, 1000, 1004):
            g.tensors[f"mw2_{samples}.y"] = encoder(long[:, :, :samples])
        for samples in (141, 500, 1777):
            g.tensors[f"mw2_time_{samples}.y"] = over_time(long[:, :, :samples])
