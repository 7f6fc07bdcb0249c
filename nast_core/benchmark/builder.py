"""Building MedNega-CXR items: plan, write, read back, and write again or reject (method.md section 5)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from nast_core.benchmark.design import Plan, draw_plans
from nast_core.benchmark.drafts import TurnedDown
from nast_core.benchmark.items import LETTERS, Item, with_reviews
from nast_core.benchmark.verify import Verdict, verify_all
from nast_core.benchmark.writer import Draft, Task, Unwritten, Writer, question
from nast_core.data.studies import Study
from nast_core.errors import BenchmarkError
from nast_core.progress import Tick
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

ATTEMPTS = 4  # drafts of one task: the first, and three that know what was wrong with the last
_FIRST, _ROUND = 40, 1000  # tasks a writer gets before it is judged, and at once from then on
_READ_AT_ONCE = 32  # drafts read back together, as they come in


@dataclass
class Built:
    """Items, each read back as stating exactly its labels, and what it took to get them."""

    items: list[Item] = field(default_factory=list)
    asked: int = 0  # tasks: items and rejected together
    rewritten: Counter[str] = field(default_factory=Counter)  # reason -> drafts turned down, of tasks asked again
    rejected: Counter[str] = field(default_factory=Counter)  # reason -> tasks given up, by what was wrong last
    examples: dict[str, str] = field(default_factory=dict)  # reason -> the first complaint of its kind
    turned_down: list[TurnedDown] = field(default_factory=list)  # every draft behind the two counts


def build_items(
    studies: Sequence[Study],
    count: int,
    writer: Writer,
    *,
    seed: int = 0,
    source: str = "",
    balance: bool = False,
    progress: Tick | None = None,
    vocabulary: Vocabulary | None = None,
) -> Built:
    """``count`` items, reproducible from ``seed`` for a writer that answers equal tasks equally.

    A draft that the parser does not read as exactly its task is asked for again with the complaints, four drafts in
    all; a task that fails them is rejected, counted, and another is drawn in its place. ``progress`` is told of items.
    Raises BenchmarkError where the labels cannot fill the design (see draw_plans), or most of the writer's tasks fail.
    """
    vocabulary, built = given(vocabulary), Built()
    plans = draw_plans(studies, np.random.default_rng(seed), balance=balance, vocabulary=vocabulary)
    while len(built.items) < count:
        some = list(islice(plans, min(_ROUND if built.asked else _FIRST, count - len(built.items))))
        tasks = [task_of(plan, seed, built.asked + i) for i, plan in enumerate(some)]
        drafts = _write_all(tasks, writer, built, progress, vocabulary)
        built.asked += len(tasks)
        built.items += [
            with_reviews(_item(task, plan, *drafts[task.key], source, question(vocabulary)), vocabulary)
            for task, plan in zip(tasks, some, strict=True)
            if task.key in drafts
        ]
        if (given_up := sum(built.rejected.values())) > len(built.items):
            reason, often = built.rejected.most_common(1)[0]
            raise BenchmarkError(
                f"the {writer.name} writer does not say what it is asked to: {given_up} of {built.asked} tasks were "
                f"rejected, {often} of them for {reason!r} (such as: {built.examples[reason]})"
            )
    return built


def task_of(plan: Plan, seed: int, number: int) -> Task:
    """What a writer is asked of the build's plan of that number, from 0."""
    wording = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    return Task(f"item-{seed}-{number}", plan.conditions, plan.assignments, wording)


def _write_all(
    tasks: Sequence[Task], writer: Writer, built: Built, progress: Tick | None, vocabulary: Vocabulary
) -> dict[str, tuple[Draft, Verdict]]:
    """Good drafts by task key; ``built``'s counters take the others."""
    good: dict[str, tuple[Draft, Verdict]] = {}
    open_tasks = list(tasks)
    for attempt in range(1, ATTEMPTS + 1):
        again: dict[str, Task] = {}
        answers = iter(writer.write(open_tasks))
        while some := list(islice(answers, _READ_AT_ONCE)):
            drafts = [(task, answer) for task, answer in some if isinstance(answer, Draft)]
            read = verify_all(drafts, vocabulary=vocabulary)
            verdicts = {task.key: verdict for (task, _), verdict in zip(drafts, read, strict=True)}
            before = len(good)
            for task, answer in some:
                verdict = verdicts.get(task.key)
                if isinstance(answer, Draft) and verdict is not None and verdict.good:
                    good[task.key] = answer, verdict
                    continue
                complaints = _complaints(answer, verdict)
                for reason, example in complaints.items():
                    built.examples.setdefault(reason, example)
                (built.rewritten if attempt < ATTEMPTS else built.rejected)[next(iter(complaints))] += 1
                built.turned_down.append(_turned_down(task, answer, complaints, verdict, attempt))
                again[task.key] = replace(task, attempt=attempt, complaints=tuple(complaints.values()))
            if progress:
                progress(len(good) - before)
        open_tasks = [again[task.key] for task in open_tasks if task.key in again]
        if not open_tasks:
            break
    return good


def _complaints(answer: Draft | Unwritten, verdict: Verdict | None) -> dict[str, str]:
    if isinstance(answer, Unwritten):
        return {answer.reason: f"{answer.reason} ({answer.said})" if answer.said else answer.reason}
    assert verdict is not None
    return {complaint.reason: complaint.said for complaint in reversed(verdict.complaints)}


def _turned_down(
    task: Task, answer: Draft | Unwritten, complaints: dict[str, str], verdict: Verdict | None, attempt: int
) -> TurnedDown:
    reason = next(iter(complaints))
    # those of the reason first
    ordered = sorted(verdict.complaints, key=lambda c: c.reason != reason) if verdict else []
    negated, affirmative = (answer.negated, answer.affirmative) if isinstance(answer, Draft) else (None, None)
    return TurnedDown(
        item_id=task.key,
        conditions=task.conditions,
        assignments=task.assignments,
        attempt=attempt,
        given_up=attempt == ATTEMPTS,
        reason=reason,
        said=tuple(c.said for c in ordered) or tuple(complaints.values()),
        negated=negated,
        affirmative=affirmative,
    )


def _item(task: Task, plan: Plan, draft: Draft, verdict: Verdict, source: str, asked: str) -> Item:
    return Item(
        item_id=task.key,
        patient_id=plan.study.patient_id,
        study_id=plan.study.study_id,
        image=plan.study.image,
        question=asked,
        conditions=plan.conditions,
        assignments=plan.assignments,
        cues=verdict.cues_of(plan.answer),
        negated=draft.negated,
        affirmative=draft.affirmative,
        answer=LETTERS[plan.answer],
        source=source,
        split=plan.study.split,
    )
