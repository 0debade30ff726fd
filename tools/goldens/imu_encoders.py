"""Goldens of the reference's encoders beside mw2: embeddings, and the gradients of every parameter and of the input.

Nothing that goes in is stored: both sides compute it from the hash of train_steps.py, in float32. Case c (from 0), cases sorted by name;
parameter p in the state dict's order:

    signals (N, 6, T): u(1000 c, i);  cotangent (N, width): u(1000 c + 1, i)
    parameter p: u(1000 c + 2 + p, i) * float32(s), s = 1 / sqrt(elements / first dimension) for matrices and 0.1 for vectors, whose
    weights (of norms) get 1 added

A case is called encoder/width/arguments/T. It has <case>.y, <case>.dx and <case>.d.<parameter>; gradients of more than 512 elements
have every k-th, k = ceil(elements / 512). Computed in float64.
"""
import numpy as np
import torch
from torch import nn

from goldens import Goldens
from train_steps import uniform

N, SAMPLED = 2, 512


class AttentionPool(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Conv1d(channels, 1, 1)

    def forward(self, x):
        return torch.einsum("nct,nt->nc", x, self.weight(x)[:, 0].softmax(-1))


class AttentionPooled(nn.Module):
    def __init__(self, size_embeddings, out_channels=24, kernel_size=10, dilation=2):
        super().__init__()
        self.encoder = nn.Sequential(nn.GroupNorm(2, 6), nn.Conv1d(6, out_channels, kernel_size, dilation=dilation), nn.LeakyReLU(),
                                     AttentionPool(out_channels), nn.LeakyReLU(), nn.Linear(out_channels, size_embeddings))

    def forward(self, x):
        return self.encoder(x)


class TimeDistributed(nn.Module):
    def __init__(self, size_embeddings, n_frames=10, n_steps_per_frame=128):
        super().__init__()
        self.frames = n_frames, n_steps_per_frame
        self.time_distributed_signal_encoder = nn.ModuleDict({"conv1": nn.Conv1d(6, 6, 50), "conv2": nn.Conv1d(6, 1, 10)})
        self.rnn = nn.ModuleDict({"gru": nn.GRU(n_steps_per_frame, size_embeddings, batch_first=True)})
        self.classifier = nn.ModuleDict({"linear": nn.Linear(size_embeddings, size_embeddings)})

    def forward(self, x):
        for conv in self.time_distributed_signal_encoder.values():
            x = conv(x).relu()
        means = nn.functional.adaptive_avg_pool1d(x, self.frames[0] * self.frames[1])
        return self.classifier["linear"](self.rnn["gru"](means.view(len(x), *self.frames))[1][0])


def patches(x, size):
    n, channels, length = x.shape
    count = length // size
    return x[:, :, :count * size].reshape(n, channels, count, size).transpose(1, 2).reshape(n, count, channels * size)


class PatchTransformer(nn.Module):
    def __init__(self, size_embeddings, patch_size=1, nhead=1, ff_hidden_size=128, layers=1, cls_token=True):
        super().__init__()
        self.patch_size, self.cls_token = patch_size, cls_token
        self.cls = nn.Parameter(torch.zeros(1, 1, size_embeddings))
        self.imu_token_embed = nn.Linear(6 * patch_size, size_embeddings, bias=False)
        self.model = nn.TransformerEncoder(nn.TransformerEncoderLayer(size_embeddings, nhead, ff_hidden_size, batch_first=True), layers)

    def forward(self, x):
        tokens = self.imu_token_embed(patches(x, self.patch_size))
        if not self.cls_token:
            return self.model(tokens).mean(1)
        return self.model(torch.cat([self.cls.repeat(len(x), 1, 1), tokens], 1))[:, 0]


class PatchRnn(nn.Module):
    def __init__(self, size_embeddings, patch_size=1, layers=1, bidirectional=True):
        super().__init__()
        self.patch_size, self.directions = patch_size, 1 + bidirectional
        units = size_embeddings // self.directions
        self.imu_token_embed = nn.Linear(6 * patch_size, units, bias=False)
        self.gru = nn.GRU(units, units, layers, batch_first=True, bidirectional=bidirectional)

    def forward(self, x):
        last = self.gru(self.imu_token_embed(patches(x, self.patch_size)))[1]
        return torch.cat(list(last[:self.directions]), 1)


CLASSES = {"attention_pooled": AttentionPooled, "time_distributed": TimeDistributed, "patch_transformer": PatchTransformer,
           "patch_rnn": PatchRnn}
CASES = """
attention_pooled/512//1000
attention_pooled/20/dilation=1,kernel_size=3,out_channels=7/57
time_distributed/512//1000
time_distributed/16/n_frames=3,n_steps_per_frame=9/100
time_distributed/16/n_frames=3,n_steps_per_frame=9/70
patch_transformer/512//20
patch_transformer/24/ff_hidden_size=10,layers=2,nhead=3,patch_size=5/57
patch_transformer/24/cls_token=false,patch_size=4/40
patch_rnn/512//40
patch_rnn/13/patch_size=5/57
patch_rnn/12/bidirectional=false,layers=2,patch_size=4/41
""".split()


def value(text):
    return text == "true" if text in ("true", "false") else int(text)


def hashed(stream, shape):
    return torch.from_numpy(uniform(stream, int(np.prod(shape))).reshape(shape))


def fill(model, stream):
    for p, (name, tensor) in enumerate(model.state_dict().items()):
        vector = tensor.dim() == 1
        scale = np.float32(0.1 if vector else 1 / np.sqrt(tensor.numel() / tensor.shape[0]))
        values = hashed(stream + p, tensor.shape) * scale
        tensor.copy_(values + 1 if vector and name.endswith("weight") else values)


def sampled(gradient):
    if gradient.numel() <= SAMPLED:
        return gradient.clone()
    return gradient.flatten()[::-(-gradient.numel() // SAMPLED)].clone()


if __name__ == "__main__":
    with Goldens("imu_encoders") as g:
        for c, case in enumerate(sorted(CASES)):
            name, width, arguments, samples = case.split("/")
            pairs = [pair.split("=") for pair in arguments.split(",") if pair]
            model = CLASSES[name](int(width), **{key: value(text) for key, text in pairs}).eval()
            fill(model, 1000 * c + 2)
            model.double()
            x = hashed(1000 * c, (N, 6, int(samples))).double().requires_grad_()
            y = model(x)
            y.backward(hashed(1000 * c + 1, y.shape).double())
            g.tensors[case + ".y"] = y.detach().float()
            g.tensors[case + ".dx"] = sampled(x.grad).float()
            for parameter, tensor in model.named_parameters():
                gradient = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
                g.tensors[f"{case}.d.{parameter}"] = sampled(gradient).float()
