"""What every recipe has in common, and what a recipe's work may say while it runs."""

from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nast_core.errors import NastError

MOST = 1_000_000  # of what is built or asked: more than any set of studies has
MOST_SEED = 2**32 - 1


class RunError(NastError):
    """A recipe that asks for what cannot be, or a run folder that does not hold what it should."""


class Executor(BaseModel):
    """Where a run's process is started. Everything but ``name`` is asked of SLURM alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["local", "slurm"] = "local"
    partition: str | None = None  # the cluster's default
    gpus: int = Field(default=0, ge=0)
    minutes: int = Field(default=240, ge=1)  # a run that takes longer is queued again and goes on
    memory_gb: float | None = Field(default=None, gt=0)  # the cluster's default

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class Recipe(BaseModel):
    """What to compute, in full: equal recipes on equal models and data give equal results. Kinds subclass this.

    A field's text may be ``run:ID`` where another run is meant; that run can then not be deleted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: ClassVar[int] = 1  # of the kind: raise it when the same recipe comes to give other figures
    files: ClassVar[tuple[str, ...]] = ()  # fields that name a file; its content is part of what was asked
    needs_model: ClassVar[bool] = True  # False: ``model`` is not looked at
    models: ClassVar[tuple[str, ...]] = ()  # fields that name a model beside ``model``
    image_folder: ClassVar[str | None] = None  # the field that names the folder of the images the files name

    kind: str
    model: str = "demo"  # as load_model takes it
    device: str = "auto"
    precision: str = "float32"
    seed: int = Field(default=0, ge=0, le=MOST_SEED)
    num_processes: int = Field(default=1, ge=1, le=1024)  # on a GPU machine, one for each GPU
    executor: Executor = Executor()


class Cancelled(Exception):
    """Raised out of a Reporter's calls when somebody has asked the run to stop."""


class Reporter(Protocol):
    """How work says how far it is. Every call raises Cancelled once the run was cancelled.

    In work spread over processes every process has one; what the main process says is kept.
    """

    def progress(self, done: int, total: int, label: str = "") -> None: ...

    def metrics(self, step: int, **values: float) -> None: ...


class Work(Protocol):
    """The work of one kind: reads the recipe, writes results into the folder, returns the headline figures.

    With ``num_processes`` above 1 it is called in every process, inside Accelerate's process group and with
    ``recipe.device`` set to the process's own; only the main process may write. A resumed run calls it again on the
    same folder.
    """

    def __call__(self, recipe: Any, folder: Path, report: Reporter) -> dict[str, float]: ...
