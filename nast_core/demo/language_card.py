"""The language demo's model card. Source: ours."""

from nast_core.demo.build import duration
from nast_core.demo.pretrained import Pretrained
from nast_core.files.gate import printable
from nast_core.statistics.rates import Rate


def card(figures: dict, source: Pretrained) -> str:
    """README.md of the model's folder."""
    mcq, build = figures["mcq"], figures["build"]
    plan, taken = build["plan"], build["taken"]

    def line(rate: dict, scale: float = 100, unit: str = " %") -> str:
        value = Rate.of(rate).times(scale)
        return f"{value.interval('.1f', unit)}, n = {value.n}"

    wordings = "\n".join(
        f"| {name}, {wording} cues | {line(mcq['cues'][wording][key], scale, unit)} |"
        for wording in ("seen", "unseen")
        for name, key, scale, unit in (
            ("MCQ accuracy, affirmative", "acc_affirmative", 100, " %"),
            ("MCQ accuracy, negated", "acc_negated", 100, " %"),
            ("gap, percentage points", "gap_points", 1, ""),
        )
    )
    return f"""---
library_name: transformers
tags: [clip, chest-x-ray, synthetic, negation]
---
# Language demo of NAST Dashboard

The demo CLIP's image tower beside a text encoder that knew language before it saw a caption; its text layers were then
trained on the demo's template captions. What it makes of a negation it has from both.
**Phantoms are drawings, not patients. Research use only; not a medical device.**

- Text tower: started from {printable(source.name)} (licence: {printable(source.licence)}; {printable(source.source)}).
  Its layers, pooler, a new projection and the scale were trained; the embeddings of its words were not.
- Image tower and projection: the demo CLIP's (MIT), as they are.
- Data: {plan["phantoms"]:,} training phantoms; {plan["negated_share"]:.1%} of the absent findings said with "no" or "without".
- Rate {taken["rate"]:g} and {taken["steps"]} steps of {plan["batch"]} captions: the largest affirmative accuracy on {plan["validation_items"]:,}
  questions about validation phantoms, of {len(build["validation"])} trainings.
- Made by `nast demo build --language --seed {build["seed"]}` {duration(build)} ({build["machine"]}).

Test phantoms, never trained on; 95 % intervals by bootstrap over patients:

| figure | value |
| --- | --- |
| MCQ accuracy, affirmative | {line(mcq["acc_affirmative"])} |
| MCQ accuracy, negated | {line(mcq["acc_negated"])} |
| gap, percentage points | {line(mcq["gap_points"], 1, "")} |
{wordings}
| blind, affirmative | {line(mcq["blind_affirmative"])} |
| blind, negated | {line(mcq["blind_negated"])} |
| zero-shot AUROC, macro | {figures["zero_shot_auroc"]["macro"]:.3f}, n = {figures["phantoms"]} |
| AUROC of "there is no X" for absence, macro | {figures["negated_prompt_auroc"]["macro"]:.3f}, n = {figures["phantoms"]} |
"""  # noqa: E501
