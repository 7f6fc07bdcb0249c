"""What every recipe has in common, and what a recipe's work may say while it runs."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from nast_core.data.studies import PHANTOMS
from nast_core.errors import NastError
from nast_core.models.precision import AUTO, COMPUTED

if TYPE_CHECKING:
    from nast_core.models import DualEncoder

MOST = 1_000_000  # of what is built or asked: more than any set of studies has
MOST_SEED = 2**32 - 1
MOST_WORKERS = 256


class RunError(NastError):
    """A recipe that asks for what cannot be, or a run folder that does not hold what it should."""


_RUN = "run:"
# in a recipe's JSON: a text that is nothing else, or a repair of it
_QUOTED = re.compile(rf'"{_RUN}([\w.-]+)((?:\+[^"\\]*)?)"')


def run_name(run_id: str) -> str:
    """How a recipe and a spec name a run: ``run:ID``."""
    return f"{_RUN}{run_id}"


def run_of(value: object) -> str | None:
    """The id in ``run:ID``; None for anything else."""
    return str(value).removeprefix(_RUN) if str(value).startswith(_RUN) else None


def references(text: str) -> set[str]:
    """Ids of the runs that a recipe's JSON refers to."""
    return {run for run, _ in _QUOTED.findall(text)}


def with_references(text: str, replaced: Callable[[str], str]) -> str:
    """A recipe's JSON with the id of each run it refers to replaced."""
    return _QUOTED.sub(lambda match: f'"{run_name(replaced(match[1]))}{match[2]}"', text)


def _one_line(text: str) -> str:
    if (
        not text.isprintable() or not 0 < len(text.strip()) <= 200
    ):  # a line break would end SLURM's line, and begin a command
        raise ValueError("one line of text is needed, of at most 200 characters")
    return text


Name = Annotated[str, AfterValidator(_one_line)]
_OWN = {  # options of sbatch that are fields here, or what a run's script itself sets
    "partition": "partition", "account": "account", "qos": "qos", "constraint": "constraint", "mem": "memory_gb",
    "cpus-per-task": "cpus", "gpus-per-node": "gpus", "gpus": "gpus", "time": "minutes",
}  # fmt: skip
_SET = (  # what a run is started with, where it writes, or another user's name: not for a recipe to say
    "array", "bcast", "chdir", "clusters", "container", "error", "export", "export-file", "get-user-env", "gid", "help",
    "input",
    "job-name", "nodes", "ntasks", "ntasks-per-node", "open-mode", "output", "parsable", "propagate", "signal",
    "test-only", "uid",
    "usage", "version", "wait", "wrap",
)  # fmt: skip


Where = Literal["local", "slurm"]


class Executor(BaseModel):
    """Where a run's process is started. Everything but ``name`` is asked of SLURM alone;
    without, the cluster's default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Where = "local"
    partition: Name | None = None
    account: Name | None = None
    qos: Name | None = None
    constraint: Name | None = None  # features of the node, such as a100&nvlink
    gpus: int = Field(default=0, ge=0, le=64)  # of one node
    cpus: int | None = Field(default=None, ge=1, le=4096)
    minutes: int = Field(default=240, ge=1, le=525_600)  # a run that takes longer is queued again and goes on
    memory_gb: float | None = Field(default=None, gt=0, le=100_000)
    array: int = Field(default=1, ge=1, le=1000)  # jobs that share the work, each with all of the above
    extra: dict[str, Any] = {}  # further long options of sbatch: {reservation: review, exclusive: true}

    @field_validator("extra")
    @classmethod
    def _options(cls, value: dict[str, Any]) -> dict[str, Any]:
        if len(value) > 50:
            raise ValueError(f"at most 50 options, got {len(value)}")
        for name, option in value.items():
            if not re.fullmatch(r"[a-z][a-z0-9-]{1,39}", name):
                raise ValueError(f"{name[:60]!r} is no long option of sbatch; write it as in: reservation")
            if own := next((option for option in _OWN if option.startswith(name)), None):  # sbatch completes names
                raise ValueError(f"{name} is a field of the executor: give it as {_OWN[own]}")
            if any(option.startswith(name) for option in _SET):
                raise ValueError(f"{name} is what a run sets for itself; leave it out")
            if option is False or not isinstance(option, str | int | float):
                raise ValueError(f"{name} takes a text, a number or true; an option that is not wanted is left out")
            _one_line(str(option))
        return value

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
    folders: ClassVar[tuple[str, ...]] = ()  # those of them that may name a folder; all that is in it is, then
    needs_model: ClassVar[bool] = True  # False: ``model`` is not looked at
    models: ClassVar[tuple[str, ...]] = ()  # fields that name a model beside ``model``
    image_folder: ClassVar[str | None] = None  # the field that names the folder of the images the files name
    # fields that say where and how, but not what
    how: ClassVar[frozenset[str]] = frozenset({"device", "num_processes", "executor"})
    in_shares: ClassVar[bool] = False  # whether the jobs of an array can do it
    computed: ClassVar[bool] = False  # whether it may compute in bf16
    long_part: ClassVar[str | None] = None  # the label of the progress that nearly all time goes by; None: any

    kind: str
    model: str = "demo"  # as load_model takes it
    device: str = "auto"
    # of the weights: float32, or bfloat16, float16, float64; bf16 or auto to encode or train with weights in float32
    precision: str = "float32"
    seed: int = Field(default=0, ge=0, le=MOST_SEED)
    num_processes: int = Field(default=1, ge=1, le=1024)  # on a GPU machine, one for each GPU
    executor: Executor = Executor()

    @model_validator(mode="after")
    def _an_array_can_do_it(self) -> Self:
        if self.executor.array > 1 and not self.in_shares:
            raise ValueError(
                "executor.array is for recipes of kind encode; encode the images with one first, and this finds their "
                "vectors in the cache"
            )
        return self

    @model_validator(mode="after")
    def _precise_enough(self) -> Self:
        if self.precision in COMPUTED and not self.computed:
            raise ValueError(
                f"precision {self.precision} is for encoding and fine-tuning; the differences that kind {self.kind} "
                "looks for are too small for its rounding: leave precision out"
            )
        if self.precision == AUTO and self.executor.array > 1:
            raise ValueError(
                "the jobs of an array meet in the cache of vectors, which keeps each precision apart, so they may "
                "not choose for themselves: give precision bf16 or float32"
            )
        return self

    def image_files(self) -> Sequence[Path]:
        """Images that no line of ``files`` names as its own: told by what the disk says of them, not by their bytes."""
        return ()

    def asked(self) -> str:
        """As JSON, without what says only where and how: what results are said to be of."""
        return self.model_dump_json(exclude=set(self.how))

    @property
    def even_after(self) -> int:
        """Units of progress until everything that comes up again and again was met once."""
        return 1

    @property
    def may_end_early(self) -> bool:
        """Whether the work may end before all of its progress was made."""
        return False


class OfDataset(Recipe):
    """A recipe of a kind that looks at studies: what it leaves out comes from its dataset."""

    dataset: str = PHANTOMS  # as open_dataset takes it


class Cancelled(Exception):
    """Raised out of a Reporter's calls when somebody has asked the run to stop."""


class Reporter(Protocol):
    """How work says how far it is. Every call raises Cancelled once the run was cancelled.

    In work spread over processes every process has one; what the main process says is kept.
    """

    def progress(self, done: int, total: int, label: str = "") -> None: ...

    def metrics(self, step: int, **values: float) -> None: ...

    def say(self, line: str) -> None:
        """For the run's log."""


class Work(Protocol):
    """The work of one kind: reads the recipe, writes results into the folder, returns the headline figures.

    With ``num_processes`` above 1 it is called in every process, inside Accelerate's process group and with
    ``recipe.device`` set to the process's own; only the main process may write. A resumed run calls it again on the
    same folder. ``model``: the recipe's, where the caller has it loaded; work that changes weights loads its own.
    """

    def __call__(
        self, recipe: Any, folder: Path, report: Reporter, model: "DualEncoder | None" = None
    ) -> dict[str, float]: ...
