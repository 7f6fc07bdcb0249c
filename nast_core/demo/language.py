"""Building ``demo-language``: the demo's image tower and a text tower that knew language before it saw a caption."""

import hashlib
import json
import platform
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from filelock import FileLock, Timeout

from nast_core.benchmark.phantoms import phantom_items
from nast_core.benchmark.run import run_benchmark
from nast_core.claims.wording_figures import wording_figures
from nast_core.data.phantom import CONDITIONS, phantom_name, phantoms
from nast_core.demo.build import TESTED, cpu_seconds, measure, publish, start_of, write_model
from nast_core.demo.captions import taught_cues
from nast_core.demo.language_card import card
from nast_core.demo.language_tower import Lesson, join_towers, learn
from nast_core.demo.pretrained import Pretrained, find_encoder
from nast_core.demo.read_encoder import Encoder, read_encoder
from nast_core.encoding.cache import VectorCache
from nast_core.encoding.images import encode_named
from nast_core.errors import ModelError
from nast_core.files.documents import read_json
from nast_core.files.gate import shown
from nast_core.files.places import DEMO, language_folder
from nast_core.files.writing import need_folder_writable, write_json, write_text, writing
from nast_core.models.encoder import DualEncoder
from nast_core.models.model_files import fingerprint
from nast_core.models.precision import lacking, with_bf16
from nast_core.models.registry import load_model
from nast_core.negation.phrases import SEEN_DENIALS
from nast_core.recipe import Reporter
from nast_core.runs.reporter import Silent

_SLOTS = 80  # of the train split, before the first seed: the demo of seeds 0 to 2 was taught with others


@dataclass(frozen=True)
class LanguagePlan:
    """Sizes of the build. Each of the trainings is tried, and validation phantoms choose."""

    phantoms: int = 5_000
    batch: int = 128
    trainings: tuple[tuple[float, int], ...] = ((4e-4, 50), (3e-4, 80))  # rate and steps
    negated_share: float = 0.002  # chosen on validation phantoms: docs/language.md
    validation_items: int = 300
    test_items: int = 1500
    test_phantoms: int = 1000


class Candidate(NamedTuple):
    """One training, and what validation says of it: accuracies and the gap, on questions with seen cues."""

    rate: float
    steps: int
    acc_affirmative: float
    acc_negated: float
    gap_points: float


def build_language(
    out: Path | None = None,
    *,
    seed: int = 0,
    text_tower: str | None = None,
    work: Path | None = None,
    plan: LanguagePlan | None = None,
    report: Reporter | None = None,
) -> dict:
    """Writes the language demo of ``seed`` to ``out``, by default where the spec ``demo-language`` looks for it, and
    returns its figures.

    ``text_tower``: folder or hub id of another BERT-like encoder. Resumable: vectors of images and checkpoints stay in
    ``work`` until the model is there. Raises ModelError for an encoder that will not do and where another process is at
    the same build, DataError on a full disk.
    """
    out = out or language_folder()
    work = work or out.with_name(f".{out.name}.work")
    need_folder_writable(out)
    with _alone(work):
        figures = _Build(work, seed, text_tower, plan or LanguagePlan(), report or Silent()).publish(out)
        shutil.rmtree(work, ignore_errors=True)
    return figures


def validated(work: Path, plans: Sequence[LanguagePlan], report: Reporter) -> list[list[Candidate]]:
    """What validation says of every training of each plan, from seed 0; no test phantom is looked at.

    Resumable as a build; no model is left.
    """
    with _alone(work):
        found = [_Build(work, 0, None, plan, report).candidates() for plan in plans]
        shutil.rmtree(work, ignore_errors=True)
    return found


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    """The folder to this process. Raises ModelError where another is at work in it."""
    lock = FileLock(work.with_name(f".{work.name.lstrip('.')}.lock"))
    with writing(work):
        work.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise ModelError(
                f"another process is building the same model (in {shown(work)}); wait until it has ended"
            ) from None
    try:
        yield
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


@dataclass
class _Build:
    """One build: its parts, each made when it is first needed."""

    work: Path
    seed: int
    text_tower: str | None
    plan: LanguagePlan
    report: Reporter

    @cached_property
    def source(self) -> Pretrained:
        return find_encoder(self.text_tower, self.report.say)

    @cached_property
    def encoder(self) -> Encoder:
        return read_encoder(self.source.folder, seed=self.seed)

    @cached_property
    def demo(self) -> DualEncoder:
        return load_model(DEMO, device="cpu")

    @cached_property
    def lesson(self) -> Lesson:
        people = list(phantoms("train", self.plan.phantoms, start=start_of(_SLOTS + self.seed, self.plan.phantoms)))
        done = 0

        def tick(count: int) -> None:
            nonlocal done
            done += count
            self.report.progress(done, len(people), "images")

        names = [phantom_name(person) for person in people]
        vectors, _ = encode_named(self.demo, names, cache=self._cache, progress=tick)
        return Lesson(people, torch.stack([vectors[n] for n in names]), self.plan.negated_share, self.plan.batch)

    def publish(self, out: Path) -> dict:
        began, cpu, known = time.perf_counter(), cpu_seconds(), (self.work / "vectors").exists()
        _ = self.encoder  # what is wrong with it is said before the work
        _ = self.lesson
        begun, learning = any(self._place(*asked).exists() for asked in self.plan.trainings), cpu_seconds()
        candidates = self.candidates()
        learnt = cpu_seconds()
        best = max(candidates, key=lambda one: (one.acc_affirmative, -one.steps))
        self.report.say(f"taken: rate {best.rate:g}, {best.steps} steps")
        draft = self._place(best.rate, best.steps) / "model"
        self.report.progress(0, 1, "figures")
        model, plan = self._loaded(draft), self.plan
        figures = measure(model, items=plan.test_items, people=plan.test_phantoms, cache=self._cache)

        figures["wording"] = self._wording(model)

        def minutes(seconds: float, resumed: bool = known or begun) -> float | None:
            return None if resumed else round(seconds / 60, 1)

        figures["build"] = {
            "seed": self.seed,
            "wall_minutes": minutes(time.perf_counter() - began),
            "cpu_minutes": minutes(cpu_seconds() - cpu),
            "text_cpu_minutes": minutes(learnt - learning, begun),
            "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
            "plan": asdict(self.plan),
            "validation": [one._asdict() for one in candidates],
            "taken": best._asdict(),
            "text_tower": self.source.name,
            "text_tower_named": self.text_tower,
        }
        with writing(draft):
            write_text(draft / "figures.json", json.dumps(figures, indent=2))
            write_text(draft / "README.md", card(figures, self.source))
        publish(draft, out)
        return figures

    def candidates(self) -> list[Candidate]:
        """Every training of the plan; those that are done already are found again."""
        total, before, found = sum(steps for _, steps in self.plan.trainings), 0, []
        for rate, steps in self.plan.trainings:
            found.append(self._candidate(rate, steps, before, total))
            before += steps
        return found

    def _candidate(self, rate: float, steps: int, before: int, total: int) -> Candidate:
        place = self._place(rate, steps)
        if not (place / "validation.json").exists():
            place.mkdir(parents=True, exist_ok=True)
            model = join_towers(self.demo, self.encoder, self.seed)
            learn(
                model,
                self.encoder.tokenizer,
                self.lesson,
                rate=rate,
                steps=steps,
                seed=self.seed,
                checkpoint=place / "text-tower.pt",
                progress=lambda done, _: self.report.progress(before + done, total, "steps"),
            )
            with writing(place):
                write_model(
                    place / "model",
                    model,
                    self.encoder.tokenizer,
                    name="language demo",
                    licence=f"MIT; text encoder {self.source.name}: {self.source.licence}",
                    cues=taught_cues(self.plan.negated_share),
                )
            write_json(place / "validation.json", self._judged(place / "model"))
            (place / "text-tower.pt").unlink()
        return Candidate(rate, steps, **read_json(place / "validation.json"))

    def _place(self, rate: float, steps: int) -> Path:
        """The folder of a training, told by all that it depends on."""
        plan = asdict(self.plan) | {"trainings": [rate, steps]}
        asked = json.dumps([fingerprint(self.encoder.bert), self.demo.fingerprint, self.seed, plan])
        return self.work / hashlib.sha256(asked.encode()).hexdigest()[:16]

    @property
    def _cache(self) -> VectorCache:
        return VectorCache(self.work / "vectors")

    def _loaded(self, folder: Path) -> DualEncoder:
        model = load_model(folder, device="cpu")
        model.image_fingerprint = self.demo.fingerprint  # the very same image tower: its vectors are kept already
        return model

    def _wording(self, model: DualEncoder) -> dict:
        """AUROCs of denials cue by cue, and of what is taken for one and is none: on the phantoms of ``measure``."""
        people = list(phantoms("test", self.plan.test_phantoms, start=TESTED))
        vectors, _ = encode_named(model, [phantom_name(person) for person in people], cache=self._cache)
        presence = np.array([[person.labels[c] for c in CONDITIONS] for person in people], float)
        images = torch.stack(list(vectors.values()))
        return wording_figures(model, images, presence, [p.patient_id for p in people], CONDITIONS).summary()

    def _judged(self, folder: Path) -> dict[str, Any]:
        items = phantom_items(self.plan.validation_items, split="validation", denials=SEEN_DENIALS)
        model = self._loaded(folder)
        model = with_bf16(model, [] if lacking(model.text.device) else ["texts"])
        summary = run_benchmark(model, items, cache=self._cache).summary
        return {name: summary[name]["value"] for name in Candidate._fields[2:]}
