"""Goldens of matrix products, activations, the GRU in layers and directions, InfoNCE in every mode, and Adam."""
import torch
from torch import nn, randn
from torch.nn import functional as F

from goldens import Goldens

with Goldens("matmul") as g:
    g.case("plain", lambda a, b: a @ b, randn(5, 13), randn(13, 7))
    g.case("b_transposed", lambda a, b: a @ b.T, randn(5, 13), randn(7, 13))
    g.case("a_transposed", lambda a, b: a.T @ b, randn(13, 5), randn(13, 7))
    g.case("both_transposed", lambda a, b: a.T @ b.T, randn(13, 5), randn(7, 13))
    g.case("batched", lambda a, b: a @ b, randn(2, 3, 5, 6), randn(2, 3, 6, 4))
    g.case("one_b", lambda a, b: a @ b, randn(3, 5, 6), randn(6, 4))
    g.case("linear", F.linear, randn(4, 5, 6), randn(9, 6), randn(9))

with Goldens("activation") as g:
    x = torch.cat([randn(60), torch.tensor([0.0, -0.0, 1e-20, 3, -3, 9, -9, 60, -60])])
    g.case("relu", F.relu, x)
    g.case("leaky_relu", lambda x: F.leaky_relu(x, 0.01), x)
    g.case("gelu", F.gelu, x)
    g.case("quick_gelu", lambda x: x * torch.sigmoid(1.702 * x), x)
    g.case("sigmoid", torch.sigmoid, x)
    g.case("tanh", torch.tanh, x)

with Goldens("gru") as g:
    for layers in (1, 2):
        for directions in (1, 2):
            gru = nn.GRU(5, 8, num_layers=layers, bidirectional=directions == 2)
            names = [name for name, _ in gru.named_parameters()]

            def run(x, *weights, pick):
                return torch.func.functional_call(gru, dict(zip(names, weights)), (x,))[pick]

            for pick, name in enumerate(("sequence", "last")):
                g.case(f"layers{layers}_directions{directions}_{name}", lambda x, *w: run(x, *w, pick=pick), randn(6, 3, 5),
                       *[p.detach() for p in gru.parameters()])


def info_nce(q, k, scale, negatives=None, symmetric=False, reduction="mean"):
    """Cross-entropy over scaled dot products, written out from the facts about the reference."""
    if negatives is None:
        logits, labels = scale * q @ k.T, torch.arange(len(q))
        loss = F.cross_entropy(logits, labels, reduction=reduction)
        return loss + F.cross_entropy(logits.T, labels, reduction=reduction) if symmetric else loss
    wrong = q @ negatives.T if negatives.dim() == 2 else (q[:, None] @ negatives.transpose(1, 2))[:, 0]
    logits = scale * torch.cat([(q * k).sum(1, keepdim=True), wrong], dim=1)
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long), reduction=reduction)


with Goldens("info_nce") as g:
    def unit(*sizes):
        return F.normalize(randn(*sizes), dim=-1)

    for reduction in ("mean", "sum", "none"):
        # Without reduction the result has one value a sample; the others one value in all, kept as a vector of one.
        shape = (lambda y: y) if reduction == "none" else (lambda y: y.reshape(1))
        for symmetric in (False, True):
            g.case(f"in_batch_{reduction}_{'symmetric' if symmetric else 'one_sided'}",
                   lambda q, k, s: shape(info_nce(q, k, s, symmetric=symmetric, reduction=reduction)), unit(9, 16), unit(9, 16), torch.tensor([10.0]))
        g.case(f"unpaired_{reduction}", lambda q, k, n, s: shape(info_nce(q, k, s, n, reduction=reduction)), unit(5, 16), unit(5, 16), unit(7, 16),
               torch.tensor([10.0]))
        g.case(f"paired_{reduction}", lambda q, k, n, s: shape(info_nce(q, k, s, n, reduction=reduction)), unit(5, 16), unit(5, 16), unit(5, 7, 16),
               torch.tensor([10.0]))

with Goldens("adam") as g:
    for name, make in {"adam": lambda p: torch.optim.Adam(p, lr=1e-2),
                       "adam_decay": lambda p: torch.optim.Adam(p, lr=1e-2, weight_decay=0.1),
                       "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1)}.items():
        for clip in (0, 1):
            weight = nn.Parameter(randn(7, 5))
            optimizer = make([weight])
            gradients = randn(10, 7, 5)
            start = weight.detach().clone()
            for gradient in gradients:
                weight.grad = gradient.clone()
                if clip:
                    nn.utils.clip_grad_norm_([weight], 1.0)
                optimizer.step()
            g.tensors[f"{name}_clip{clip}.x0"], g.tensors[f"{name}_clip{clip}.x1"] = start, gradients
            g.tensors[f"{name}_clip{clip}.y"] = weight.detach().clone()
