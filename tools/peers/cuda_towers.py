"""CLIP ViT-B/32's towers in PyTorch on the same GPU as `imu2clip bench "image tower" "text tower"`: random weights, preprocessed images and
texts of 77 tokens, the embeddings read by the host. Medians in milliseconds, and ratios.

    python tools/peers/cuda_towers.py [--batch 256] [--precision bf16] [--rounds 3] [--seconds 5] [--launcher ./imu2clip] [--json OUT]
    python tools/peers/cuda_towers.py --device cpu --batch 1 --precision fp32 --rounds 1 --seconds 1      whether the script itself runs

Contestants: transformers' CLIPModel and open_clip's model, whichever are installed, and where neither is, the same layers of torch.nn
(nn.TransformerEncoder, pre-norm, its fast path); each eager, with torch.compile, and as a CUDA graph (captured by hand; with torch.compile, its
mode max-autotune).
In bfloat16 the models' weights are bfloat16. Rounds are interleaved: every round runs every contestant.
"""
import argparse
import sys

import torch
from torch import nn

from cuda_common import measure_here, note_into, print_table, sampled_ms, set_precision, write_json

TOKENS = 77


class Vision(nn.Module):
    """transformers' image tower with its projection."""

    def __init__(self, model):
        super().__init__()
        self.model, self.projection = model.vision_model, model.visual_projection

    def forward(self, pixels):
        return self.projection(self.model(pixel_values=pixels).pooler_output)


class Text(nn.Module):
    """transformers' text tower with its projection."""

    def __init__(self, model):
        super().__init__()
        self.model, self.projection = model.text_model, model.text_projection

    def forward(self, ids):
        return self.projection(self.model(input_ids=ids).pooler_output)


class OpenClipText(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids):
        return self.model.encode_text(ids)


class QuickGelu(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Plain(nn.Module):
    """Either tower of torch.nn's own layers."""

    def __init__(self, image):
        super().__init__()
        self.image, width, heads = image, 768 if image else 512, 12 if image else 8
        if image:
            self.patches = nn.Conv2d(3, width, 32, 32, bias=False)
            self.first = nn.Parameter(torch.randn(width) / width ** 0.5)
            self.norm = nn.LayerNorm(width)
        else:
            self.embedding = nn.Embedding(49408, width)
            self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(TOKENS), persistent=False)
        self.positions = nn.Parameter(torch.randn(50 if image else TOKENS, width) / width ** 0.5)
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0, QuickGelu(), batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
        self.last, self.projection = nn.LayerNorm(width), nn.Linear(width, 512, bias=False)

    def forward(self, x):
        if not self.image:
            tokens = self.blocks(self.embedding(x) + self.positions, self.mask.to(self.positions.dtype), is_causal=True)
            return self.projection(self.last(tokens)[torch.arange(len(x), device=x.device), x.argmax(-1)])
        patches = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.first.expand(len(x), 1, -1), patches], 1) + self.positions
        return self.projection(self.last(self.blocks(self.norm(tokens))[:, 0]))


def models():
    """Both towers of each kind that is installed."""
    found = {}
    try:
        from transformers import CLIPConfig, CLIPModel
        hugging = CLIPModel(CLIPConfig())
        found["transformers"] = (Vision(hugging), Text(hugging))
    except ImportError as missing:
        print(f"without transformers: {missing}", file=sys.stderr)
    try:
        import open_clip
        clip = open_clip.create_model("ViT-B-32-quickgelu", pretrained=None)
        found["open_clip"] = (clip.visual, OpenClipText(clip))
    except ImportError as missing:
        print(f"without open_clip: {missing}", file=sys.stderr)
    return found or {"torch.nn": (Plain(True), Plain(False))}


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    options.add_argument("--batch", type=int, nargs="+", default=[256])
    options.add_argument("--precision", nargs="+", choices=["fp32", "tf32", "bf16"], default=["bf16"])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=float, default=5, help="for every contestant in every round")
    options.add_argument("--launcher", default="./imu2clip", help="ours; empty to leave it out")
    options.add_argument("--json", metavar="OUT")
    options = options.parse_args()
    cuda = options.device == "cuda"
    torch.manual_seed(0)
    kinds = models()
    times, failures = {}, {}
    with torch.no_grad():
        for _ in range(options.rounds):
            for benchmark in ("image tower", "text tower"):
                measure_here(options, times, failures, benchmark, options.precision, "--towers", options.batch)
            for precision in options.precision:
                set_precision(precision)
                dtype = torch.bfloat16 if precision == "bf16" else torch.float32
                for kind, towers in kinds.items():
                    for tower, benchmark in zip(towers, ("image tower", "text tower")):
                        tower = tower.to(options.device, dtype).eval()
                        for batch in options.batch:
                            run_forms(options, times, failures, f"{benchmark} {batch} {precision}", kind, tower,
                                      inputs(benchmark, batch, options.device, dtype), cuda)
    print_table(times)
    write_json(options, times, failures)


def inputs(benchmark, batch, device, dtype):
    if benchmark == "image tower":
        return torch.randn(batch, 3, 224, 224, device=device, dtype=dtype)
    ids = torch.randint(1000, 40000, (batch, TOKENS), device=device)
    ids[:, 0], ids[:, -1] = 49406, 49407
    return ids


def run_forms(options, times, failures, task, kind, tower, x, cuda):
    forms = {"eager": lambda: tower, "compile": lambda: torch.compile(tower)}
    if cuda:
        forms["CUDA graph"] = lambda: captured(tower, x)
        forms["compile, CUDA graph"] = lambda: torch.compile(tower, mode="max-autotune")
    for form, make in forms.items():
        name = f"{form}, {kind}"
        if name in failures.get(task, {}):
            continue
        try:
            torch.compiler.reset()
            run = make()
            note_into(times, task, name, sampled_ms(lambda: run(x).float().cpu(), options.seconds))
        except Exception as failure:  # one contestant less, and it is named
            failures.setdefault(task, {})[name] = repr(failure)[:500]
            print(f"{task}, {name}: {failure!r}"[:500], file=sys.stderr, flush=True)


def captured(tower, x):
    """A frozen tower on fixed memory as a CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            tower(x)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = tower(x)

    def replay(_):
        graph.replay()
        return y
    return replay


if __name__ == "__main__":
    main()
