"""MedNega-CXR from CheXpert's labels with the template writer, verification included, and a long table's memory."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nast_core.benchmark.builder import build_items
from nast_core.benchmark.guesser import guesses
from nast_core.benchmark.template import TemplateWriter
from nast_core.benchmark.verify import verify_all
from nast_core.benchmark.writer import Draft, Task
from nast_core.data.labels import read_labels
from tests.words import CHEXPERT_CONDITIONS

ITEMS, ROWS = 5000, 1_000_000
# VmHWM starts anew with a program; ru_maxrss would carry over what the bench itself had in memory when it forked
_READ = r"""
import re, sys
from nast_core.data.labels import read_labels
read_labels(sys.argv[1])
print(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
"""


def building_items() -> list[tuple[str, str, str]]:
    began, used = time.perf_counter(), time.process_time()
    table = read_labels("chexpert")
    built = build_items(table.studies, ITEMS, TemplateWriter(), source=table.source)
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    again = [(Task(i.item_id, i.conditions, i.assignments, 0), Draft(i.negated, i.affirmative)) for i in built.items]
    labels = {study.study_id: study.labels for study in table.studies}
    differ = sum(not verdict.good for verdict in verify_all(again))
    untrue = sum(
        tuple(labels[i.study_id][c] for c in i.conditions) != i.assignments[i.answer_index] for i in built.items
    )
    questions = len({(i.study_id, frozenset(i.conditions)) for i in built.items})
    patients = len({i.patient_id for i in built.items})
    found = guesses(built.items)
    return [
        (f"{ITEMS:,} CheXpert items, written and verified", f"{wall:.0f} s, {cpu:.0f} CPU-seconds",
         f"table read in it; {questions:,} questions, {patients:,} patients; bar 120 s"),
        ("Items whose parser verdict differs from their labels", f"{differ}", f"of {ITEMS:,} read again; {untrue} "
            "untrue to the table; bar 0"),
        ("Rejected tasks", f"{built.rejected.total() / built.asked:.2%}", f"{built.rejected.total()} of "
            f"{built.asked:,}; {built.rewritten.total()} drafts written again; bar 3 %"),
        *((f"Guessed from {name}", f"{r.value:.1%} ({r.low:.1%} to "
            f"{r.high:.1%})", "chance is 25 %; bar 23 to 27 %") for name, r in found.items()),
        *_long_table(),
    ]  # fmt: skip


def _long_table() -> list[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        peaks, took = [], 0.0
        for rows in (ROWS // 100, ROWS):
            path = Path(folder) / f"{rows}.csv"
            _write(path, rows)
            began = time.perf_counter()
            said = subprocess.run(
                [sys.executable, "-c", _READ, path], capture_output=True, text=True, check=True
            ).stdout
            took = time.perf_counter() - began
            peaks.append(int(said) / 1024)
    grown = f"{peaks[1] - peaks[0]:.0f} MiB more than {ROWS // 100:,} rows"
    return [(f"Label table of {ROWS:,} rows", f"{took:.0f} s, {grown}", "one row in fifty eligible")]


def _write(path: Path, rows: int) -> None:
    eligible, other = "1,1,0,0,0,,,,,,,,", "1,,,,0,-1,,,,,,,"
    with path.open("w") as file:
        file.write(",".join(["patient_id", "study_id", *CHEXPERT_CONDITIONS]) + "\n")
        file.writelines(f"p{n // 3},s{n},{other if n % 50 else eligible}\n" for n in range(rows))
