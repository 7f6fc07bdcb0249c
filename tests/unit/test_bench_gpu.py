"""The bench that needs a card, gone through on a tiny model, so that it works the first time on one."""

import numpy as np
import pytest
import torch

from tests.perf import __main__ as bench
from tests.perf import gpu
from tests.perf.tracing import PAIR, multiply_adds_of_heads, necessary_multiply_adds

pytestmark = pytest.mark.slow


def test_without_a_card_the_bench_says_so_and_what_a_card_once_gave_stays(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(bench, "BENCH", tmp_path / "bench.md")
    monkeypatch.setattr("sys.argv", ["tests.perf", "gpu"])
    bench.main()
    assert "| On a GPU | not measured | no CUDA device |" in (tmp_path / "bench.md").read_text()
    (tmp_path / "bench.md").write_text("# Speed\n\n## gpu\n\nNVIDIA H200\n")
    bench.main()
    assert (tmp_path / "bench.md").read_text().endswith("## gpu\n\nNVIDIA H200\n")


@pytest.mark.long
def test_every_part_runs_and_on_one_device_all_results_are_the_same(capsys):
    rows = gpu.measured("cpu", gpu.SMALL._replace(images=3, decoded=1))
    assert [row for row in rows if "failed" in row[1] or "NOT" in row[1]] == []
    said = [what for what, _, _ in rows]
    for part in ("Vectors of images, against", "Exact block tracing: share of the "
        "TF32", "Head tracing: share of the float32",
                 "LoRA step in bf16", "Image tower waiting for images, bf16", "Encoding 8 images in bf16",
                 "`auto`, texts"):  # fmt: skip
        assert any(what.startswith(part) for what in said), part
    assert capsys.readouterr().out.count(" | ") == 2 * len(rows)


def test_a_result_that_is_not_the_cpus_is_said():
    one, nan = np.array([1.0, 2.0]), np.array([1.0, np.nan])
    off = np.array([1.0, 2.0005])
    assert gpu.against_the_cpu("X", lambda: off, lambda: one, 1e-3, "m")[1] == "off by 5e-04 at most"
    assert gpu.against_the_cpu("X", lambda: off, lambda: one, 1e-4, "m")[1] == "NOT THE SAME: off by 5e-04 at most"
    assert gpu.against_the_cpu("X", lambda: nan, lambda: one, 1e-3, "m")[1].startswith("NOT THE SAME")
    assert gpu.against_the_cpu("X", lambda: 1 / 0, lambda: one, 1e-3, "m")[1:] == (
        "failed",
        "ZeroDivisionError: division by zero",
    )


def test_necessary_work_of_head_tracing_is_that_of_its_blocks_counted_by_hand(tiny):
    # 3 layers, width 32, 4 heads, 16 dimensions; a pair of L tokens that differ from token s on
    from nast_core.negation.pairs import align

    tower, pair = tiny.text, align(PAIR, tiny.text)
    length, start = pair.length, pair.differing[0]
    held, sees = length - start, sum(range(start + 1, length + 1))
    own, last = 32 * 8 + 8 * 32**2, 2 * 32**2 * held + 10 * 32**2 + 2 * 32 * length
    first = own * held + (12 * 32**2 * held + 2 * 32 * sees) + last  # of a head of layer 1: layers 2 and 3 follow
    a_head = first + (own * held + last) + own + 3 * 32 * 16
    assert multiply_adds_of_heads(tower, pair) == 2 * length * 2 * 12 * 32**2 + 4 * a_head
    assert 0 < multiply_adds_of_heads(tower, pair) < 4 * necessary_multiply_adds(tower, pair)
