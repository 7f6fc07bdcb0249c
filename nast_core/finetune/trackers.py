"""Training curves to TensorBoard, MLflow or Weights & Biases, by Accelerate's trackers."""

import math
import os
from importlib.util import find_spec
from pathlib import Path

from accelerate import Accelerator

from nast_core.finetune.recipe import FinetuneError, FinetuneRecipe
from nast_core.recipe import Reporter

_PROJECT = "nast"


def accelerator_for(recipe: FinetuneRecipe, folder: Path) -> Accelerator:
    """Accelerate's handle on this process, with the recipe's tracker started.

    Curves are written into ``folder``, but for W&B, and for MLflow where MLFLOW_TRACKING_URI says another place. Raises
    FinetuneError for a tracker that is not installed.
    """
    tracker = recipe.tracker or ("tensorboard" if find_spec("tensorboard") else "none")
    if tracker != "none" and find_spec(tracker) is None:
        raise FinetuneError(f"the tracker {tracker} is not installed; install it with: pip install {tracker}")
    accelerator = Accelerator(
        cpu=recipe.device == "cpu",
        log_with=None if tracker == "none" else tracker,
        project_dir=str(folder),
    )
    if tracker == "mlflow":
        os.environ.setdefault("MLFLOW_TRACKING_URI", (folder.resolve() / "mlruns").as_uri())
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # since 3.7 it writes files only where told so
    if tracker != "none":
        fields = recipe.model_dump(mode="json", exclude={"executor"}, exclude_none=True)
        config = {name: ", ".join(value) if isinstance(value, list) else value for name, value in fields.items()}
        names = {"mlflow": {"run_name": folder.name}, "wandb": {"name": folder.name, "dir": str(folder)}}
        accelerator.init_trackers(_PROJECT, config=config, init_kwargs={tracker: names.get(tracker, {})})
    return accelerator


class TrackingReporter:
    """A Reporter that tells the trackers too."""

    def __init__(self, report: Reporter, accelerator: Accelerator):
        self._report, self._accelerator = report, accelerator

    def progress(self, done: int, total: int, label: str = "") -> None:
        self._report.progress(done, total, label)

    def metrics(self, step: int, **values: float) -> None:
        self._report.metrics(step, **values)
        self._accelerator.log({name: value for name, value in values.items() if math.isfinite(value)}, step=step)

    def say(self, line: str) -> None:
        self._report.say(line)
