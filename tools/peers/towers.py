"""CLIP ViT-B/32's towers here and in PyTorch and ONNX Runtime, one after the other in one run: medians in milliseconds, and ratios.

    mvn -DskipTests test-compile dependency:build-classpath -Dmdep.outputFile=target/cp.txt -DincludeScope=test
    python tools/peers/towers.py [--narrations CSV... --vocab FILE] [--batch 16 1] [--rounds 3] [--java JAVA]
                                  [--json OUT]

Image tower: batches of 16 and 1, float32, random weights. PyTorch eager is measured in both common forms: transformers' CLIPModel (scaled
dot product attention) and open_clip's model, which is built as OpenAI's own. torch.compile takes open_clip's or transformers', whichever is
faster; ONNX Runtime runs transformers' vision tower exported to ONNX.
Text tower: 1,000 narrations (the `text` column of the CSV files, in order, each computed): PyTorch in batches of 16 at CLIP's 77 tokens, as
clip.tokenize gives them; here at their own length.
Needs torch, transformers, open_clip_torch, onnx, onnxruntime. Rounds are interleaved: every round runs every contestant.
"""
import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def median_ms(run, seconds, least=4):
    # The first run warms up, but for one that takes long enough to need none.
    if least > 1:
        run()
    times, end = [], time.time() + seconds
    while time.time() < end or len(times) < least:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def peers(batches):
    """Names of contestants and what they do once; models stay in memory."""
    import numpy
    import onnxruntime
    import open_clip
    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    hugging, clip = CLIPModel(CLIPConfig()).eval(), open_clip.create_model("ViT-B-32-quickgelu", pretrained=None).eval()

    class Vision(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model, self.projection = hugging.vision_model, hugging.visual_projection

        def forward(self, pixels):
            return self.projection(self.model(pixel_values=pixels).pooler_output)

    vision = Vision().eval()
    compiled = {"compile, transformers": torch.compile(vision), "compile, open_clip": torch.compile(clip.visual)}
    onnx = os.path.join(tempfile.mkdtemp(), "vision.onnx")
    with torch.no_grad():
        torch.onnx.export(vision, (torch.randn(16, 3, 224, 224),), onnx, input_names=["pixels"], output_names=["embeds"],
                          dynamic_axes={"pixels": {0: "n"}}, opset_version=17, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    work = {}
    for batch in batches:
        pixels = torch.randn(batch, 3, 224, 224)
        array = numpy.ascontiguousarray(pixels.numpy())
        work[f"image {batch}"] = {
            "eager, transformers": lambda p=pixels: vision(p), "eager, open_clip": lambda p=pixels: clip.visual(p),
            **{name: (lambda p=pixels, f=f: f(p)) for name, f in compiled.items()},
            "ONNX Runtime": lambda a=array: session.run(None, {"pixels": a})}
    return torch, clip, work


def narrations(files, count):
    texts = []
    for file in files:
        with open(file, newline="", encoding="utf-8") as lines:
            texts += [row["text"] for row in csv.DictReader(lines)]
    return texts[:count]


def ours(java, benchmark, *options):
    with open(os.path.join(ROOT, "target", "cp.txt"), encoding="utf-8") as file:
        path = os.pathsep.join([os.path.join(ROOT, "target", "test-classes"), os.path.join(ROOT, "target", "classes"), file.read().strip()])
    out = tempfile.mktemp(suffix=".json")
    subprocess.run([java, "--enable-native-access=ALL-UNNAMED", "-cp", path, "org.openjdk.jmh.Main", benchmark, "-rf", "json", "-rff", out, *options], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    with open(out, encoding="utf-8") as file:
        results = json.load(file)
    os.remove(out)
    medians = {}
    for result in results:
        metric = result["primaryMetric"]
        # Sampled times have percentiles; single shots are listed.
        medians[result["params"].get("batch", "")] = metric["scorePercentiles"]["50.0"]
    return medians


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--narrations", nargs="*", default=[], metavar="CSV")
    options.add_argument("--vocab", help="CLIP's vocabulary, for the narrations")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=float, default=6, help="for every contestant in every round")
    options.add_argument("--batch", type=int, nargs="+", default=[16, 1], help="image batches")
    options.add_argument("--java", default="java")
    options.add_argument("--json", metavar="OUT")
    options = options.parse_args()
    torch, clip, work = peers(options.batch)
    times = {}

    def note(task, name, value):
        times.setdefault(task, {}).setdefault(name, []).append(value)
        print(f"{task}, {name}: {value:.1f} ms", file=sys.stderr, flush=True)

    texts = narrations(options.narrations, 1000)
    with torch.inference_mode():
        for turn in range(options.rounds):
            for batch, value in ours(options.java, "ImageTowerBenchmark", "-p", "batch=" + ",".join(map(str, options.batch))).items():
                note(f"image {batch}", "here", value)
            for task, contestants in work.items():
                for name, run in contestants.items():
                    note(task, name, median_ms(run, options.seconds))
            if texts:
                with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
                    file.write("\n".join(texts))
                    file.flush()
                    value, = ours(options.java, "TextTowerBenchmark", "-p", f"narrations={file.name}", "-p", f"vocab={options.vocab}").values()
                note(f"text {len(texts)}", "here", value)
                import open_clip
                ids = open_clip.SimpleTokenizer()(texts)

                def every_text():
                    for start in range(0, len(ids), 16):
                        clip.encode_text(ids[start:start + 16])
                note(f"text {len(texts)}", "eager, open_clip", median_ms(every_text, 0, least=1))
    for task, contestants in times.items():
        here = statistics.median(contestants["here"])
        print(f"\n{task}: here {here:.1f} ms   (rounds {', '.join(f'{v:.1f}' for v in contestants['here'])})")
        for name, values in contestants.items():
            if name != "here":
                print(f"  {name:24} {statistics.median(values):9.1f} ms   {statistics.median(values) / here:5.2f} x   "
                      f"(rounds {', '.join(f'{v:.1f}' for v in values)})")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"torch": torch.__version__, "threads": torch.get_num_threads(), "milliseconds": times}, file, indent=1)


if __name__ == "__main__":
    main()
