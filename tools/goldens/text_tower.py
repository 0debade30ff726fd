#!/usr/bin/env python3
"""Text towers with seeded random weights and what transformers' CLIPTextModelWithProjection makes of token ids.

    python tools/goldens/text_tower.py                 # writes src/test/resources/goldens/clip_text_tiny*.safetensors
    python tools/goldens/text_tower.py --full OUT_DIR  # ViT-B/32's text tower: model.safetensors (250 MB), expected.safetensors

Needs torch, transformers, safetensors; --full also open_clip_torch, for the token ids of its narrations.

Tiny: 2 layers, width 64, 2 heads, vocabulary 600, 77 positions, projection 32, weights stored as float16 (exact in float32).
Full: 12 layers, width 512, 8 heads, vocabulary 49408, projection 512, float32.
Both: QuickGELU, MLP 4 x width, layer norm eps 1e-5, causal attention, no padding mask; Hugging Face's tensor names.
Pooling: the hidden state at the argmax of the ids, OpenAI's rule, which Hugging Face follows where its config says eos_token_id 2 (as the
published clip-vit-base-patch32 does). The end token has the highest id; padding is 0.
Initial scales are OpenAI's; biases (std 0.02) and norms (1 + 0.1 n, 0.1 n) are random too, so that a mistake with one of them shows.

expected: input_ids I64 (texts, positions), text_embeds F32 (texts, projection), not normalised, last_hidden_state F32 (texts, positions,
width) after the final norm (tiny only, texts 0, 3 and 5). Computed in float64, so that they serve as reference for any float32 implementation.
"""
import argparse
import os

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDENS = os.path.join(HERE, "..", "..", "src", "test", "resources", "goldens")

NARRATIONS = [
    "#C C walks around the kitchen", "#C C picks up a knife from the chopping board with her right hand", "moves his head", "looks up",
    "c c sits down on the floor", "stands up", "the person is walking upstairs", "the person is walking downstairs", "standing to sitting",
    "lying down on the bed, then getting up again", "a photo of a cat", "a diagram", "",
    "washes 2 plates, 3 cups & 1 pan", "café naïve über",
    "日本語 and emoji 😀!", "it's the man's dog; they've seen it", "turns the steering wheel to the left while talking to a man X",
    "supercalifragilisticexpialidocious", "walks " * 80,
]


def build(layers, width, heads, vocabulary, positions, projection, seed, dtype):
    config = CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers, num_attention_heads=heads,
        max_position_embeddings=positions, projection_dim=projection, hidden_act="quick_gelu", layer_norm_eps=1e-5,
        bos_token_id=0, eos_token_id=2, pad_token_id=1)
    model = CLIPTextModelWithProjection(config).eval()
    residual = width ** -0.5 * (2 * layers) ** -0.5
    scales = {"token_embedding": 0.02, "position_embedding": 0.01, "q_proj": width ** -0.5,
              "k_proj": width ** -0.5, "v_proj": width ** -0.5,
              "out_proj": residual, "fc2": residual, "fc1": (2 * width) ** -0.5, "text_projection": width ** -0.5}
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            module, kind = name.split(".")[-2:]
            normal = torch.randn(parameter.shape, generator=generator)
            if "layer_norm" in module:
                value = 0.1 * normal + (1 if kind == "weight" else 0)
            else:
                value = normal * (0.02 if kind == "bias" else scales[module])
            parameter.copy_(value.to(dtype))
    return model


def run(model, ids):
    with torch.no_grad():
        single = model(input_ids=ids)
        double = model.double()(input_ids=ids)
    print(f"float32 differs from float64 by at most {(single.text_embeds - double.text_embeds).abs().max():.2e}")
    model.float()
    return double.text_embeds.float(), double.last_hidden_state.float()


def save(tensors, path, about):
    # One key only: safetensors writes several in random order, and the files are to be the same bytes every time.
    about = f"{about}; pooled at the argmax of input_ids; torch {torch.__version__}, transformers {transformers.__version__}"
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, {"about": about})
    print(f"{path}: {os.path.getsize(path):,} bytes")


def tiny(out):
    model = build(2, 64, 2, 600, 77, 32, seed=0, dtype=torch.float16)
    generator = torch.Generator().manual_seed(1)
    ids = torch.zeros(6, 77, dtype=torch.long)
    for row, length in enumerate([0, 1, 3, 10, 40, 75]):
        ids[row, 0] = 598
        ids[row, 1:1 + length] = torch.randint(0, 598, (length,), generator=generator)
        ids[row, 1 + length] = 599
    embeds, hidden = run(model, ids)
    path = os.path.join(out, "clip_text_tiny.safetensors")
    save({name: p.half() for name, p in model.named_parameters()}, path, "2 heads, QuickGELU")
    stored = load_file(path)
    assert all(torch.equal(stored[name].float(), p) for name, p in model.named_parameters()), "weights are not exact in float16"
    # The hidden states of the first, a middle and the last row: enough to find a wrong position, and small.
    save({"input_ids": ids, "text_embeds": embeds, "last_hidden_state": hidden[[0, 3, 5]]},
         os.path.join(out, "clip_text_tiny_expected.safetensors"), "last_hidden_state of texts 0, 3 and 5")


def full(out):
    from open_clip.tokenizer import SimpleTokenizer
    os.makedirs(out, exist_ok=True)
    model = build(12, 512, 8, 49408, 77, 512, seed=0, dtype=torch.float32)
    assert sum(p.numel() for p in model.parameters()) == 63_428_096
    ids = SimpleTokenizer()(NARRATIONS)
    embeds, _ = run(model, ids)
    save(dict(model.named_parameters()), os.path.join(out, "model.safetensors"), "8 heads, QuickGELU")
    save({"input_ids": ids, "text_embeds": embeds}, os.path.join(out, "expected.safetensors"), "full size")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--full", metavar="OUT_DIR", help="write the full-size tower there instead of the tiny one")
    parser.add_argument("--out", default=GOLDENS, help="folder for the tiny tower (default: the test resources)")
    args = parser.parse_args()
    torch.manual_seed(0)
    full(args.full) if args.full else tiny(args.out)
