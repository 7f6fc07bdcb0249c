"""Whether claims read from text agree with codings that people made: by attribute, with every disagreement listed.

A coding lists what is present; that a finding is not coded says nothing, unless the study is coded normal. So polarity
is compared where the text claims the finding and the coding either states it or calls the study normal. Precision and
recall of presence take the list for complete, and say so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from nast_core.claims.claim import Claim
from nast_core.files.writing import whole_folder
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

ATTRIBUTES = ("laterality", "zone", "severity")


@dataclass(frozen=True)
class Agreement:
    """``attributes``: a row an attribute: n, agreement, kappa. ``findings``: a row a finding: coded, read, both,
    precision, recall. ``disagreements``: a row each, with both sides' words."""

    attributes: pd.DataFrame
    findings: pd.DataFrame
    disagreements: pd.DataFrame


def compare(
    read: Mapping[str, Sequence[Claim]], coded: Mapping[str, Sequence[Claim]], vocabulary: Vocabulary | None = None
) -> Agreement:
    """``read``: claims from text by study; ``coded``: claims from its codings. Studies are those that both have."""
    compared: dict[str, list[tuple[str, str]]] = {name: [] for name in ("polarity", *ATTRIBUTES)}
    conditions = given(vocabulary).conditions
    tally = {finding: np.zeros(3, int) for finding in conditions}  # coded, read, both
    disagreements: list[dict] = []
    for study in sorted(set(read) & set(coded)):
        for finding in conditions:
            text, codes = _of(finding, read[study]), _of(finding, coded[study])
            text_says, codes_say = _polarity(text), _polarity(codes)
            tally[finding] += (codes_say == "present", text_says == "present", text_says == codes_say == "present")
            if text_says and codes_say:
                compared["polarity"].append((text_says, codes_say))
            if text_says != codes_say and "present" in (text_says, codes_say):
                disagreements.append(
                    _line(study, finding, "polarity", text_says or "not said", codes_say or "not coded", text, codes)
                )
            if text_says == codes_say == "present":
                for name in ATTRIBUTES:
                    values = _value(text, name), _value(codes, name)
                    if values[0] and values[1]:
                        compared[name].append((values[0], values[1]))
                        if values[0] != values[1]:
                            disagreements.append(_line(study, finding, name, *values, text, codes))
    attributes = pd.DataFrame([{"attribute": name, **_agreement(pairs)} for name, pairs in compared.items()])
    findings = pd.DataFrame([_row(finding, *counts.tolist()) for finding, counts in tally.items()])
    return Agreement(attributes, findings, pd.DataFrame(disagreements))


def write_agreement(result: Agreement, folder: Path) -> None:
    """disagreements.csv, findings.csv and attributes.csv; together or not at all."""
    names = ("disagreements", "findings", "attributes")
    with whole_folder(folder, [f"{name}.csv" for name in names]) as temporary:
        for name in names:
            getattr(result, name).to_csv(temporary / f"{name}.csv", index=False)


def _of(finding: str, claims: Iterable[Claim]) -> list[Claim]:
    return [claim for claim in claims if claim.finding == finding]


def _polarity(claims: Sequence[Claim]) -> str | None:
    """Present if any claim says so; absent if the finding is denied as a whole; None where neither is said."""
    if any(claim.polarity == "present" for claim in claims):
        return "present"
    whole = any(not any(getattr(claim, name) for name in ATTRIBUTES) for claim in claims)
    return "absent" if whole else None


def _value(claims: Sequence[Claim], name: str) -> str | None:
    """The one value that the present claims give; both sides make bilateral; None where they give none or several."""
    values = {value for c in claims if c.polarity == "present" and (value := getattr(c, name)) is not None}
    if name == "laterality" and len(values) > 1:
        return "bilateral"
    return values.pop() if len(values) == 1 else None


def _agreement(pairs: Sequence[tuple[str, str]]) -> dict:
    if not pairs:
        return {"n": 0, "agreement": float("nan"), "kappa": float("nan")}
    text, codes = zip(*pairs, strict=True)
    same = sum(a == b for a, b in pairs) / len(pairs)
    varied = len({*text, *codes}) > 1  # kappa of two raters who always say the same one thing is undefined
    return {"n": len(pairs), "agreement": same, "kappa": cohen_kappa_score(text, codes) if varied else float("nan")}


def _row(finding: str, coded: int, read: int, both: int) -> dict:
    return {
        "finding": finding,
        "coded": coded,
        "read": read,
        "both": both,
        "precision": both / read if read else float("nan"),
        "recall": both / coded if coded else float("nan"),
    }


def _line(study, finding, attribute, text_value, coded_value, text: Sequence[Claim], codes: Sequence[Claim]) -> dict:
    return {
        "study_id": study,
        "finding": finding,
        "attribute": attribute,
        "text": text_value,
        "coded": coded_value,
        "sentences": " | ".join(dict.fromkeys(claim.sentence for claim in text)),
        "codings": " | ".join(dict.fromkeys(claim.sentence for claim in codes)),
    }
