"""Two audits of one dataset, and several models of one: what got better, what worse, and what cannot be told."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from nast_core.audit.condition import need_figure
from nast_core.audit.document import Audit
from nast_core.audit.names import named
from nast_core.errors import AuditError
from nast_core.statistics.rates import Rate, apart

Verdict = Literal["better", "worse", "changed", "cannot be told"]


class Change(NamedTuple):
    figure: str
    title: str
    old: Rate
    new: Rate
    change: Rate  # new - old
    verdict: Verdict


def changes(old: Audit, new: Audit) -> list[Change]:
    """Every figure that both have and that has an interval in both, in the order of the old.

    The intervals alone are known, not the cases behind them, so the two are taken for independent: on the same cases,
    whose differences vary less, "cannot be told" is said more often than need be. Raises AuditError for audits of two
    datasets, splits or schemas.
    """
    _comparable(old, new)
    found = []
    for name, before in old.figures.items():
        if (after := new.figures.get(name)) is None or before.low is None or after.low is None:
            continue
        change = apart(before.rate, after.rate)
        found.append(
            Change(name, named(name).title, before.rate, after.rate, change, _verdict(change, named(name).better))
        )
    if not found:
        raise AuditError("the two audits have no figure in common; make both with the same parts")
    return found


def _comparable(old: Audit, new: Audit) -> None:
    for what, first, second in (("datasets", _of(old), _of(new)), ("splits", old.split, new.split)):
        if first != second:
            raise AuditError(
                f"the audits are of two {what}, {first} and {second}, and their figures cannot be compared; make both "
                "on the same"
            )


def _of(audit: Audit) -> str:
    return f"{audit.dataset.name} {audit.dataset.fingerprint[:12]}"


def _verdict(change: Rate, better: str) -> Verdict:
    if not (change.low > 0 or change.high < 0):
        return "cannot be told"
    if not better:
        return "changed"
    return "better" if (change.low > 0) == (better == "higher") else "worse"


def need_two(fingerprints: Mapping[str, str]) -> None:
    """Raises AuditError for two names of one model. ``fingerprints``: of each, by its name."""
    seen: dict[str, str] = {}
    for spec, fingerprint in fingerprints.items():
        first = seen.setdefault(fingerprint, spec)
        if first != spec:
            raise AuditError(f"{first} and {spec} are one model (fingerprint {fingerprint[:12]}); give each once")


def ranked(audits: Mapping[str, Audit], figure: str) -> list[tuple[str, Rate]]:
    """(model, its figure), the best first; models without it last. Raises AuditError where no model has it."""
    every = {name: one for audit in audits.values() for name, one in audit.figures.items()}
    need_figure(figure, every)
    rows = [(spec, found.rate) for spec, audit in audits.items() if (found := audit.figures.get(figure))]
    sign = -1 if named(figure).better == "lower" else 1
    return sorted(rows, key=lambda row: (row[1].value != row[1].value, -sign * row[1].value))


def counted(found: Sequence[Change]) -> dict[Verdict, int]:
    counts: dict[Verdict, int] = {}
    for one in found:
        counts[one.verdict] = counts.get(one.verdict, 0) + 1
    return counts
