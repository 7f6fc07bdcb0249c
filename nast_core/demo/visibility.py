"""Can a small supervised model see each finding? The warm-up's own head, on test phantoms. Source: ours."""

from pathlib import Path

import numpy as np
from transformers import CLIPModel

from nast_core.data.drawing import render
from nast_core.data.phantom import CONDITIONS, phantoms
from nast_core.demo.towers import SIZE, image_states
from nast_core.demo.world import FACTS
from nast_core.files.states import read_state
from nast_core.models.staged import from_library
from nast_core.statistics.auroc import auroc

_START = 60_000  # past the test phantoms that other figures use


def supervised_auroc(model: Path, checkpoint: Path, *, people: int = 1500) -> dict[str, float]:
    """Condition -> AUROC of the image tower's presence head on ``people`` test phantoms.

    ``model`` is a built demo CLIP, ``checkpoint`` the image-tower.pt its warm-up left.
    """
    clip = from_library(CLIPModel, model).eval()
    heads = read_state(checkpoint)["modules"]
    tested = list(phantoms("test", people, start=_START))
    states = image_states(clip, np.stack([render(person, SIZE) for person in tested]))
    score = (states @ heads["heads.facts.weight"].T + heads["heads.facts.bias"])[:, ::FACTS].numpy()
    truth = np.array([[person.labels[condition] for condition in CONDITIONS] for person in tested])
    return {c: auroc(truth[:, i], score[:, i]) for i, c in enumerate(CONDITIONS)}
