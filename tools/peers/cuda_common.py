"""What cuda_step.py and cuda_towers.py share: settings, clocks, tables."""
import json
import statistics
import subprocess
import sys
import time

import torch


def set_precision(precision):
    """TF32 or not, for products and for cuDNN; bfloat16 is the models' own affair."""
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = precision == "tf32"


def sampled_ms(run, seconds, warm_ups=5):
    """Median milliseconds of a function that ends by reading its result."""
    for _ in range(warm_ups):
        run()
    times, end = [], time.time() + seconds
    while time.time() < end or len(times) < 5:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def note_into(times, task, name, milliseconds):
    times.setdefault(task, {}).setdefault(name, []).append(milliseconds)
    print(f"{task}, {name}: {milliseconds:.3f} ms", file=sys.stderr, flush=True)


def measure_here(options, times, failures, benchmark, precisions, batch_option, batches):
    """Ours, by the bench command on the same device."""
    if not options.launcher:
        return
    command = [options.launcher, "bench", benchmark, "--device", options.device, "--json", "--seconds", str(options.seconds),
               "--precision", ",".join(precisions), batch_option, ",".join(map(str, batches))]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        failures.setdefault(benchmark, {})["here"] = done.stderr[-500:]
        print(f"{' '.join(command)} failed: {done.stderr[-500:]}", file=sys.stderr, flush=True)
        return
    for result in report["results"]:
        note_into(times, f"{benchmark} {result['batch']} {result['precision']}", "here", result["microseconds"] / 1e3)
    for failure in report["failures"]:
        failures.setdefault(f"{benchmark} {failure['batch']} {failure['precision']}", {})["here"] = failure["reason"]


def print_table(times):
    for task, contestants in times.items():
        here = statistics.median(contestants["here"]) if "here" in contestants else None
        print(f"\n{task}")
        for name, values in contestants.items():
            median = statistics.median(values)
            ratio = "" if here is None else f"{median / here:5.2f} x   "
            print(f"  {name:28} {median:9.3f} ms   {ratio}(rounds {', '.join(f'{v:.3f}' for v in values)})")


def write_json(options, times, failures):
    if not options.json:
        return
    machine = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump({"torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(), "device": machine,
                   "milliseconds": times, "failures": failures}, file, indent=1)
