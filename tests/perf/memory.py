"""Peak memory and time of tracing many pairs, in a process of its own: ``python -m tests.perf.memory N``."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path


def peak_bytes() -> int:
    """Of this process. Not ru_maxrss on Linux: a child's begins at its parent's, which hid what tracing takes."""
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def trace_many(count: int) -> dict[str, float]:
    import torch
    from torch.nn import functional as F

    from nast_core import load_model
    from nast_core.interpret.effects import trace
    from nast_core.negation.pairs import align_all, template_pairs

    model = load_model("demo", device="cpu")
    pairs = align_all(template_pairs(model.card.conditions), model.text).aligned
    many = [pairs[i % len(pairs)] for i in range(count)]
    images = F.normalize(torch.randn(count, model.text.dim), dim=-1)
    trace(model, pairs[:8], images[:8])
    began = time.perf_counter()
    trace(model, many, images)
    return {"seconds": time.perf_counter() - began, "bytes": peak_bytes()}


def measured(count: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.perf.memory", str(count)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    print(json.dumps(trace_many(int(sys.argv[1]))))
