"""Goldens of the layers' ops: convolution, pooling, group and layer normalisation, attention."""
import torch
from torch import randn
from torch.nn import functional as F

from goldens import Goldens

# name: n, c, l, o, k, stride, padding, dilation, groups, bias
CONVOLUTIONS = {
    "mw2_first": (2, 6, 60, 8, 10, 1, 0, 2, 1, False),
    "mw2_second": (2, 8, 37, 8, 5, 1, 0, 2, 1, False),
    "bias": (2, 6, 31, 5, 10, 1, 0, 2, 1, True),
    "padded": (2, 3, 19, 4, 4, 1, 3, 1, 1, True),
    "strided": (2, 3, 41, 5, 5, 3, 2, 2, 1, True),
    "groups": (2, 6, 23, 9, 3, 2, 1, 1, 3, True),
    "depthwise": (3, 8, 21, 8, 3, 1, 1, 1, 8, False),
    "patches": (2, 6, 48, 7, 16, 16, 0, 1, 1, False),
    "past_the_kernel": (1, 2, 19, 3, 2, 5, 0, 1, 1, True),
}
with Goldens("conv1d") as g:
    for name, (n, c, l, o, k, stride, padding, dilation, groups, bias) in CONVOLUTIONS.items():
        weight = randn(o, c // groups, k) / (c // groups * k) ** 0.5
        inputs = [randn(n, c, l), weight] + ([randn(o)] if bias else [])
        g.case(name, lambda x, w, b=None: F.conv1d(x, w, b, stride, padding, dilation, groups), *inputs)

with Goldens("pool1d") as g:
    for name, (l, *window) in {"mw2": (29, 3, 3, 0, 1), "pairs": (17, 2, 2, 0, 1), "overlapping": (23, 3, 2, 1, 1), "dilated": (31, 4, 3, 2, 2)}.items():
        g.case(f"max_{name}", lambda x: F.max_pool1d(x, *window), randn(2, 3, l))
    ties = torch.tensor([[[1.0, 1, 1, 2, 0, 2, torch.nan, 5, 1, 3, torch.nan, torch.nan, *[-torch.inf] * 3, 7, 7, torch.inf]]])
    g.case("max_ties", lambda x: F.max_pool1d(x, 3), ties)
    g.case("avg", lambda x: F.avg_pool1d(x, 4, 3), randn(2, 3, 29))
    g.case("avg_padded", lambda x: F.avg_pool1d(x, 5, 2, 2), randn(2, 3, 29))
    g.case("avg_padding_not_counted", lambda x: F.avg_pool1d(x, 5, 2, 2, count_include_pad=False), randn(2, 3, 29))
    for l, out in [(942, 20), (29, 7), (5, 12), (9, 1)]:
        g.case(f"adaptive_{l}_{out}", lambda x: F.adaptive_avg_pool1d(x, out), randn(1, 2, l))

with Goldens("group_norm") as g:
    def parameters(c):
        return 1 + randn(c) / 4, randn(c)
    g.case("mw2_input", lambda x, w, b: F.group_norm(x, 2, w, b, 1e-5), randn(3, 6, 100), *parameters(6))
    g.case("mw2_features", lambda x, w, b: F.group_norm(x, 4, w, b, 1e-5), randn(3, 32, 8), *parameters(32))
    g.case("image", lambda x, w, b: F.group_norm(x, 3, w, b, 1e-3), randn(2, 6, 3, 5), *parameters(6))
    gravity = randn(2, 6, 50) * 0.5
    gravity[:, 2] += 9.8125
    g.case("gravity", lambda x, w, b: F.group_norm(x, 2, w, b, 1e-5), gravity, *parameters(6))

with Goldens("layer_norm") as g:
    for name, shape in [("rows", (9, 31)), ("tokens", (2, 5, 64)), ("one", (33,))]:
        g.case(name, lambda x, w, b: F.layer_norm(x, shape[-1:], w, b, 1e-5), randn(shape), 1 + randn(shape[-1]) / 4, randn(shape[-1]))


def attention(q, k, v, lengths=None, causal=False):
    """(B, T, H, D); with lengths, keys past them are masked."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    mask = None if lengths is None else (torch.arange(k.size(2)) < lengths[:, None])[:, None, None, :]
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal).transpose(1, 2)


def self_attention(qkv, lengths=None, causal=False):
    """(B, T, 3, H, D); each sequence alone and cut to its length, zeros behind it."""
    def one(x):
        return attention(*x[None].unbind(2), causal=causal)[0].flatten(1)
    if lengths is None:
        return torch.stack([one(x) for x in qkv])
    return torch.stack([F.pad(one(x[:n]), (0, 0, 0, len(x) - n)) for x, n in zip(qkv, lengths.tolist())])


with Goldens("attention") as g:
    lengths = torch.tensor([11, 1, 6], dtype=torch.int32)
    g.case("cross", attention, randn(2, 5, 2, 8), randn(2, 9, 2, 8), randn(2, 9, 2, 8))
    g.case("cross_padded", attention, randn(3, 5, 2, 8), randn(3, 11, 2, 8), randn(3, 11, 2, 8), lengths)
    g.case("causal", lambda q, k, v: attention(q, k, v, causal=True), *(randn(2, 19, 2, 6) for _ in range(3)))
    g.case("self", self_attention, randn(2, 13, 3, 2, 16))
    g.case("self_causal", lambda x: self_attention(x, causal=True), randn(1, 23, 3, 2, 5))
    g.case("self_padded", self_attention, randn(3, 11, 3, 2, 8), lengths)
    g.case("self_causal_padded", lambda x, n: self_attention(x, n, causal=True), randn(3, 11, 3, 2, 8), lengths)
    g.case("several_tiles", attention, randn(1, 70, 1, 4), randn(1, 230, 1, 4), randn(1, 230, 1, 4))
