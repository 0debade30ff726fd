#!/usr/bin/env python3
"""A small image tower with seeded random weights and what transformers' CLIPVisionModelWithProjection makes of pixels.

    python tools/goldens/image_tower.py     # writes src/test/resources/goldens/clip_image_tiny*.safetensors

Needs torch, transformers, safetensors. 2 layers, width 32, 2 heads, patches of 8 in images of 32 (17 positions), projection 16, QuickGELU,
MLP 4 x width, layer norm eps 1e-5; weights stored as float16 (exact in float32), under Hugging Face's names.
Initial scales are OpenAI's; biases (std 0.02) and norms (1 + 0.1 n, 0.1 n) are random too, so that a mistake with one of them shows.

expected: pixels F32 (3, 3, 32, 32), image_embeds F32 (3, 16), not normalised, computed in float64, and for the cotangent image_cotangent (3, 16)
the gradients of all parameters, grad.<name>, and of the pixels, grad.pixels.
"""
import os

import torch
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from text_tower import GOLDENS, save


def build(layers, width, heads, patch, resolution, projection, seed):
    config = CLIPVisionConfig(
        hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers, num_attention_heads=heads, patch_size=patch,
        image_size=resolution, projection_dim=projection, hidden_act="quick_gelu", layer_norm_eps=1e-5)
    model = CLIPVisionModelWithProjection(config).eval()
    residual = width ** -0.5 * (2 * layers) ** -0.5
    scales = {"q_proj": width ** -0.5, "k_proj": width ** -0.5, "v_proj": width ** -0.5, "out_proj": residual, "fc2": residual,
              "fc1": (2 * width) ** -0.5}
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            module, kind = name.split(".")[-2:]
            normal = torch.randn(parameter.shape, generator=generator)
            if "norm" in module or "layrnorm" in module:
                value = 0.1 * normal + (1 if kind == "weight" else 0)
            else:
                value = normal * (0.02 if kind == "bias" else scales.get(module, width ** -0.5))
            parameter.copy_(value.half())
    return model


def main():
    model = build(2, 32, 2, 8, 32, 16, seed=0)
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randn(3, 3, 32, 32, generator=generator)
    cotangent = torch.randn(3, 16, generator=generator)
    save({name: p.detach().half() for name, p in model.named_parameters()}, os.path.join(GOLDENS, "clip_image_tiny.safetensors"),
         "2 heads, QuickGELU")
    with torch.no_grad():
        single = model(pixel_values=pixels).image_embeds
    model.double()
    inputs = pixels.double().requires_grad_()
    embeds = model(pixel_values=inputs).image_embeds
    print(f"float32 differs from float64 by at most {(single - embeds).abs().max():.2e}")
    embeds.backward(cotangent.double())
    expected = {"pixels": pixels, "image_embeds": embeds.detach().float(), "image_cotangent": cotangent,
                "grad.pixels": inputs.grad.float()}
    expected.update({f"grad.{name}": p.grad.float() for name, p in model.named_parameters()})
    path = os.path.join(GOLDENS, "clip_image_tiny_expected.safetensors")
    save_file({k: v.contiguous() for k, v in expected.items()}, path, {"about": f"torch {torch.__version__}"})
    print(f"{path}: {os.path.getsize(path):,} bytes")


if __name__ == "__main__":
    main()
