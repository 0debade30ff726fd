#!/usr/bin/env python3
"""A small CLIP with seeded random weights, and how PyTorch fine-tunes it.

    python tools/goldens/fine_tuning.py     # writes src/test/resources/goldens/clip_small*.safetensors

Needs torch, transformers, safetensors. Both towers: 3 layers, width 16, 2 heads, MLP 4 x width, QuickGELU, projection 8; text: vocabulary 40,
12 positions; images: patches of 4 in 8 x 8. Weights are stored as float16 (exact in float32), under Hugging Face's names.

expected, computed in float64:
  input_ids I64 (4, 12), pixels F32 (4, 3, 8, 8), loss: transformers' CLIP loss of these pairs, grad.<name>: its gradients;
  text_cotangent F32 (4, 8), text_grad.<name>: gradients of sum(text_embeds * text_cotangent);
  for each way of tuning (all, last: the last block and what follows, qv: adapters of rank 2 and alpha 4 on queries and values of all blocks,
  wide: adapters of rank 3 and alpha 3 on every linear layer of the last two blocks): <way>.losses F32 (10) before each of ten steps, and
  <way>.text_embeds after them; for adapters <way>.<name of A>, the start of every A; every B starts with zeros.
Steps: AdamW, learning rate 0.006 for logit_scale and 0.003 for the towers, weight decay 0.1 on matrices, gradients clipped to norm 1.
Adapters are written out here as in Hu et al., arXiv 2106.09685: y = x W^T + b + alpha / r (x A^T) B^T.
"""
import copy
import os
import re

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPConfig, CLIPModel

from text_tower import GOLDENS, save

LAYERS = 3
TARGETS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]


class Adapted(nn.Module):
    def __init__(self, base, rank, alpha, generator):
        super().__init__()
        self.base = base
        bound = base.in_features ** -0.5  # kaiming_uniform_ with a = sqrt(5)
        start = (2 * torch.rand(rank, base.in_features, generator=generator) - 1) * bound
        self.lora_A = nn.Parameter(start.to(base.weight.dtype))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank, dtype=base.weight.dtype))
        self.scale = alpha / rank

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.lora_A.T) @ self.lora_B.T


def build(seed):
    tower = dict(hidden_size=16, intermediate_size=64, num_hidden_layers=LAYERS, num_attention_heads=2, projection_dim=8,
                 hidden_act="quick_gelu", layer_norm_eps=1e-5)
    config = CLIPConfig(
        text_config=dict(tower, vocab_size=40, max_position_embeddings=12, bos_token_id=0, eos_token_id=2, pad_token_id=1),
        vision_config=dict(tower, patch_size=4, image_size=8), projection_dim=8)
    model = CLIPModel(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            normal = torch.randn(parameter.shape, generator=generator)
            if name == "logit_scale":
                continue
            if "norm" in name or "layrnorm" in name:
                value = 0.1 * normal + (1 if name.endswith("weight") else 0)
            else:
                value = normal * (0.02 if name.endswith("bias") else 0.25)
            parameter.copy_(value.half())
        model.logit_scale.fill_(2.0)
    return model


def loss_of(model, ids, pixels):
    return model(input_ids=ids, pixel_values=pixels, return_loss=True).loss


def freeze_but(model, learns):
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name == "logit_scale" or learns(name))


def in_last(name, blocks):
    block = re.search(r"encoder\.layers\.(\d+)\.", name)
    return int(block[1]) >= LAYERS - blocks if block else any(part in name for part in ("final_layer_norm", "post_layernorm", "projection"))


def adapt(model, targets, blocks, rank, alpha, generator):
    """Returns the name of every A, as the merged model's layers are called, with its start."""
    starts = {}
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and name.split(".")[-1] in targets and in_last(name, blocks) and ".encoder." in name:
            adapted = Adapted(module, rank, alpha, generator)
            parent = model.get_submodule(name.rsplit(".", 1)[0])
            setattr(parent, name.rsplit(".", 1)[1], adapted)
            starts[f"{name}.lora_A.weight"] = adapted.lora_A.detach().float().clone()
    freeze_but(model, lambda n: "lora_" in n)
    return starts


def tune(model, ids, pixels):
    learning = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    groups = [dict(params=[p], lr=0.006 if n == "logit_scale" else 0.003, weight_decay=0.1 if p.ndim >= 2 else 0) for n, p in learning]
    optimizer = torch.optim.AdamW(groups)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = loss_of(model, ids, pixels)
        losses.append(loss.item())
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for _, p in learning], 1.0)
        optimizer.step()
    with torch.no_grad():
        embeds = model.text_projection(model.text_model(input_ids=ids).pooler_output)
    return torch.tensor(losses), embeds.float()


def main():
    model = build(seed=0)
    save({n: p.detach().half() for n, p in model.named_parameters()}, os.path.join(GOLDENS, "clip_small.safetensors"), "2 heads, QuickGELU")
    generator = torch.Generator().manual_seed(1)
    ids = torch.zeros(4, 12, dtype=torch.long)
    for row, length in enumerate([3, 10, 0, 6]):
        ids[row, 0] = 38
        ids[row, 1:1 + length] = torch.randint(0, 38, (length,), generator=generator)
        ids[row, 1 + length] = 39
    pixels = torch.randn(4, 3, 8, 8, generator=generator)
    cotangent = torch.randn(4, 8, generator=generator)
    model.double()
    expected = {"input_ids": ids, "pixels": pixels, "text_cotangent": cotangent}
    loss = loss_of(model, ids, pixels.double())
    loss.backward()
    expected["loss"] = loss.detach().float().reshape(1)
    expected.update({f"grad.{n}": p.grad.float() for n, p in model.named_parameters()})
    model.zero_grad()
    embeds = model.text_projection(model.text_model(input_ids=ids).pooler_output)
    embeds.backward(cotangent.double())
    expected.update({f"text_grad.{n}": p.grad.float() for n, p in model.named_parameters() if n.startswith("text")})
    model.zero_grad()
    for way in ["all", "last", "qv", "wide"]:
        tuned = copy.deepcopy(model)
        if way == "all":
            freeze_but(tuned, lambda n: True)
        elif way == "last":
            freeze_but(tuned, lambda n: in_last(n, 1))
        else:
            starts = adapt(tuned, ["q_proj", "v_proj"], LAYERS, 2, 4, generator) if way == "qv" else adapt(tuned, TARGETS, 2, 3, 3, generator)
            expected.update({f"{way}.{n}": a for n, a in starts.items()})
        expected[f"{way}.losses"], expected[f"{way}.text_embeds"] = tune(tuned, ids, pixels.double())
        print(way, [round(x, 4) for x in expected[f"{way}.losses"].tolist()])
    path = os.path.join(GOLDENS, "clip_small_expected.safetensors")
    save_file({k: v.contiguous() for k, v in expected.items()}, path, {"about": f"torch {torch.__version__}"})
    print(f"{path}: {os.path.getsize(path):,} bytes")


if __name__ == "__main__":
    main()
