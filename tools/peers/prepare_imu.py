"""Preparation of motion in pandas, numpy and PyTorch, for comparison of time: csv to 200 Hz npy, step by step as the reference does it
(read_csv, rows without a time dropped, sorted, gaps filled with 0, resampled by torchaudio's formula, saved). It makes its csv files itself.

    mvn -o -q -DskipTests package test-compile dependency:build-classpath -Dmdep.outputFile=target/cp.txt -DincludeScope=test
    python tools/peers/prepare_imu.py [--files 6] [--minutes 10] [--runs 5] [--folder DIR] [--java JAVA]

--java also measures ours on the same files: in a running process (PreparationBenchmark), as the others are measured, before and after
them; and the whole command, with the start of Java, beside a whole process of the others. Ours writes to disk (fsync), theirs to the
system's cache. The results are compared.
"""
import argparse
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHANNELS = ["accl_x", "accl_y", "accl_z", "gyro_x", "gyro_y", "gyro_z"]
COLUMNS = ["component_idx", "component_timestamp_ms", "canonical_timestamp_ms", "gyro_x", "gyro_y", "gyro_z", "accl_x", "accl_y", "accl_z"]


def make(folder, files, minutes):
    """A clock of 200 Hz with jitter, a row in a thousand without a canonical time, numbers as single precision prints them."""
    (folder / "imu").mkdir(parents=True)
    n = round(minutes * 60 * 200)
    for k in range(files):
        rng = np.random.default_rng(k)
        clock = np.round(np.arange(n) * 5 + rng.normal(0, 0.1, n), 6)
        table = pd.DataFrame({"component_idx": 0, "component_timestamp_ms": clock, "canonical_timestamp_ms": clock})
        table.loc[rng.random(n) < 0.001, "canonical_timestamp_ms"] = np.nan
        for name in COLUMNS[3:]:
            table[name] = rng.normal(0, 3, n).astype(np.float32)
        table.to_csv(folder / "imu" / f"v{k}.csv", index=False)
    seconds = minutes * 60
    videos = [{"video_uid": f"v{k}", "has_imu": True, "video_metadata": {"video_duration_sec": seconds, "audio_start_sec": None}} for k in range(files)]
    (folder / "ego4d.json").write_text(json.dumps({"videos": videos}))
    (folder / "narration.json").write_text("{}")


def resample(x, orig, new, lobes=6, rolloff=0.99):
    g = math.gcd(orig, new)
    orig, new = orig // g, new // g
    f = min(orig, new) * rolloff
    width = math.ceil(lobes * orig / f)
    m = torch.arange(-width, width + orig, dtype=torch.float64) / orig
    phase = torch.arange(0, new, dtype=torch.float64) / new
    t = ((m[None, :] - phase[:, None]) * f).clamp(-lobes, lobes)
    kernel = torch.sinc(t) * torch.cos(t * math.pi / lobes / 2) ** 2 * f / orig
    padded = torch.nn.functional.pad(x, (width, width + orig))
    y = torch.nn.functional.conv1d(padded[:, None], kernel[:, None], stride=orig)
    return y.transpose(1, 2).reshape(len(x), -1)[:, : math.ceil(new * x.shape[1] / orig)]


def prepare(csv, out):
    table = pd.read_csv(csv)
    table = table.dropna(subset=["canonical_timestamp_ms"]).sort_values(by=["canonical_timestamp_ms"])
    signal = np.array([table[name].fillna(0).to_numpy() for name in CHANNELS])
    clock = table["canonical_timestamp_ms"].to_numpy()
    rate = int(1000 * (1 / np.mean(np.diff(clock))))
    if rate != 200:
        signal = resample(torch.from_numpy(signal), rate, 200).numpy()
        clock = clock[0] + np.arange(signal.shape[1]) * 5.0
    np.save(out / f"{csv.stem}.npy", signal)
    np.save(out / f"{csv.stem}_timestamps.npy", clock)


def peer(source, target):
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    start = time.perf_counter()
    for csv in sorted((source / "imu").glob("*.csv")):
        prepare(csv, target)
    return time.perf_counter() - start


def ours(source, target):
    shutil.rmtree(target, ignore_errors=True)
    launcher = ROOT / "imu2clip"
    start = time.perf_counter()
    subprocess.run([launcher, "prepare", "ego4d", source, target, "--no-video", "--no-audio", "--reference-rate"], check=True, capture_output=True)
    return time.perf_counter() - start


def benchmark(java, source):
    path = os.pathsep.join([str(ROOT / "target" / "test-classes"), str(ROOT / "target" / "classes"), (ROOT / "target" / "cp.txt").read_text().strip()])
    out = tempfile.mktemp(suffix=".json")
    subprocess.run([java, "--enable-native-access=ALL-UNNAMED", "-cp", path, "org.openjdk.jmh.Main", "PreparationBenchmark", "-p", f"raw={source}", "-rf", "json",
                    "-rff", out], check=True, capture_output=True, cwd=ROOT)
    return [t / 1000 for t in json.loads(pathlib.Path(out).read_text())[0]["primaryMetric"]["rawData"][0]]


def whole(source, target):
    """The others in a process of their own, as a user would start them."""
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'tools' / 'peers')!r}); import pathlib, prepare_imu; prepare_imu.peer(pathlib.Path({str(source)!r}), pathlib.Path({str(target)!r}))"
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def difference(a, b):
    worst = 0
    for file in sorted(a.glob("*.npy")):
        x, y = np.load(file), np.load(b / file.name)
        assert x.shape == y.shape, f"{file.name}: {x.shape} and {y.shape}"
        worst = max(worst, np.abs(x - y).max())
    return worst


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--files", type=int, default=6)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--folder", type=pathlib.Path)
    options.add_argument("--java")
    options = options.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(dir=options.folder))
    try:
        make(folder / "raw", options.files, options.minutes)
        size = sum(file.stat().st_size for file in (folder / "raw" / "imu").iterdir())
        print(f"{options.files} files, {options.files * options.minutes:g} minutes, {size / 1e6:.0f} MB; pandas {pd.__version__}, numpy {np.__version__}, "
              f"PyTorch {torch.__version__} on {torch.get_num_threads()} threads")
        warm = benchmark(options.java, folder / "raw") if options.java else []
        peer(folder / "raw", folder / "peer")
        times = [peer(folder / "raw", folder / "peer") for _ in range(options.runs)]
        print(f"pandas, numpy, PyTorch: {statistics.median(times):.3f} s ({min(times):.3f} to {max(times):.3f})")
        if options.java:
            warm += benchmark(options.java, folder / "raw")
            print(f"imu2clip: {statistics.median(warm):.3f} s ({min(warm):.3f} to {max(warm):.3f}): {statistics.median(times) / statistics.median(warm):.1f} x")
            whole(folder / "raw", folder / "peer")
            pairs = [(whole(folder / "raw", folder / "peer"), ours(folder / "raw", folder / "ours")) for _ in range(options.runs)]
            theirs, java = (statistics.median(column) for column in zip(*pairs))
            print(f"whole processes: theirs {theirs:.3f} s, imu2clip {java:.3f} s: {theirs / java:.1f} x")
            print(f"greatest difference: {difference(folder / 'peer', folder / 'ours' / 'processed_imu'):.2g}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
