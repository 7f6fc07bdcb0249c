"""The model of a run: ``run:ID`` is a fine-tune's base with what it learnt."""

from pathlib import Path

from nast_core.errors import ModelError
from nast_core.models.encoder import DualEncoder
from nast_core.runs.store import Run, RunStore


def load_run_model(
    run_id: str, *, device: str = "auto", dtype: str = "float32", root: Path | None = None
) -> DualEncoder:
    """The tuned model of a finished fine-tune. Raises as ``finished_finetune`` does."""
    from nast_core.finetune.adapter import load_finetuned

    return load_finetuned(finished_finetune(run_id, root).folder, device=device, dtype=dtype)


def finished_finetune(run_id: str, root: Path | None = None) -> Run:
    """Raises RunError where there is no such run, ModelError for one of another kind or one that has not finished."""
    run = RunStore(root).open(run_id)
    kind, state = run.recipe.kind, run.status.state
    if kind != "finetune":
        raise ModelError(f"run:{run.id} is a run of kind {kind}, which has no model; give a fine-tune's")
    if state != "finished":
        raise ModelError(f"run:{run.id} is {state}, and a fine-tune's model is there once it has finished")
    return run
