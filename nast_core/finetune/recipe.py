"""What a fine-tuning is asked to do: every choice of method.md section 4, with the reason for each default."""

import math
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from nast_core.errors import NastError
from nast_core.finetune.arms import ARMS, TRACED_ARMS, Arm
from nast_core.finetune.presets import START, Method, Objective, Preset, beneath
from nast_core.finetune.teacher import read_teacher
from nast_core.interpret.summaries import Average, Summary
from nast_core.models.precision import COMPUTED
from nast_core.recipe import OfDataset

Scale = Literal["learning_rate", "gradient"]
Targets = Literal["both", "attention", "mlp"]
Tracker = Literal["tensorboard", "mlflow", "wandb", "none"]
CAPTIONS = 4  # of a study, drawn once, so that the frozen encoder's vectors can be kept; the first is affirmative

TRAINING = "Training"  # what a run at its steps says it does

_OF_TEXTS = ("teacher", "texts", "reports", "without_cues")
Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]


class FinetuneError(NastError):
    """A fine-tuning that cannot be done as asked: recipe, trace, data, memory or tracker."""


class FinetuneRecipe(OfDataset):
    """One training of a text tower. Equal recipes on equal models and data give equal weights."""

    files: ClassVar = ("data", "items", "trace", "reports")
    folders: ClassVar = ("reports",)
    image_folder: ClassVar = "images"
    computed: ClassVar = True
    long_part: ClassVar = TRAINING

    kind: Literal["finetune"] = "finetune"
    preset: Preset | None = None  # choices under one name, beneath those given here; paper: the paper's own rule

    # what is learnt from
    data: Path | None = None  # claims.jsonl, with train and validation lines; without: the dataset's
    images: Path | None = None  # folder of the image files; without: the dataset's; phantoms need none
    items: Path | None = (
        None  # validation items.jsonl: adds accuracies and gap to what is watched; without data: the dataset's
    )

    # what objective distil learns from: text alone; studies are there to watch it by
    teacher: str | None = None  # a repair, as behind a model: rewrite, "region(t=0.9)"
    texts: Literal["grammar", "reports", "both"] | None = None
    reports: Path | None = None  # sentences, one a line, or reports as 'nast claims build' reads; without: Open-i's
    without_cues: tuple[str, ...] = ()  # denials that no text has, so that reading them can be measured as new

    # which layers learn how fast
    arm: Arm = "uniform"
    trace: Path | None = None  # a trace's netCDF, or run:ID of a trace, for the arms that follow one
    summary: Summary = "std"  # QMG's, as in the paper
    average: Average = "ratio_mean"
    floor: Annotated[float, Field(gt=0, le=1)] = 0.1  # least layer weight before the mean is made 1; 1 is uniform
    temperature: Amount = 1.0  # exponent on the CTE: 0 is uniform, above 1 is sharper
    exponent: Amount = 1.0  # beta of the arm paper: on weights from 0 to 1; 0 is uniform
    scale: Scale = "learning_rate"

    # what is trained
    method: Method = "lora"
    rank: Annotated[int, Field(ge=1, le=4096)] = 32
    alpha: Annotated[float, Field(gt=0)] = 64.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: Targets = "both"

    # how
    steps: Count = 400
    batch_size: Annotated[int, Field(ge=2, le=100_000)] = 12  # studies whose texts a step reads, over all processes
    compared_images: Count = 192  # that captions and statements of a step are compared with, those studies' included
    captions_per_image: Annotated[int, Field(ge=1, le=CAPTIONS)] = 4  # of each study of a step, each also contradicted
    claims_per_image: Count = 1  # statements with their contradictions, of each study of a step
    # of the steps: statements alone; captions and same-image ranking join after them
    statements_first: Share = START["lora"]["statements_first"]
    learning_rate: Annotated[float, Field(gt=0)] = START["lora"]["learning_rate"]  # at layer weight 1
    warmup: Share = 0.05  # of the steps
    decay: Literal["cosine", "none"] = "cosine"  # of the rate, behind the warmup: to 0, or not at all
    optimizer: Literal["adamw", "sgd"] = "adamw"
    weight_decay: Amount = 0.0  # AdamW's, decoupled: the layer weight scales it too
    clip: Annotated[float, Field(gt=0)] = 1.0  # largest norm of the whole gradient

    # what the loss is made of
    # claims: the terms below. paper: InfoNCE of single denials, and the true claim's share among claims of an image.
    # distil: 1 - cosine to a repair's vectors of texts
    objective: Objective = "claims"
    balance: Share = 0.5  # lam of objective paper: the weight of InfoNCE; the claims have the rest
    # of objective claims; 0 leaves a term out
    caption_weight: Amount = 0.2
    same_image_weight: Amount = 3.0
    across_image_weight: Amount = 6.0  # what teaches a cue to be read
    alignment_weight: Amount = 1.0  # beta

    # watching it
    validate_every: Count = 50
    validation_studies: Annotated[int, Field(ge=2, le=10_000_000)] = 300
    patience: Count | None = None  # validations without a lower validation loss before it ends; None: all steps
    checkpoint_every: Count = 50
    tracker: Tracker | None = None  # None: TensorBoard where it is installed

    @property
    def learnt(self) -> str:
        """What sets it apart among fine-tunes, in a word or two: its arm, or its teacher."""
        return self.arm if self.teacher is None else f"distilled, {self.teacher}"

    @property
    def validations(self) -> int:
        """Times that a training which is not stopped early is looked at: regularly, and at its end."""
        return 0 if not ARMS[self.arm].trains else -(-self.steps // self.validate_every)

    @property
    def even_after(self) -> int:
        return self.validate_every  # a validation takes as long as many steps

    @property
    def may_end_early(self) -> bool:
        return self.patience is not None

    @property
    def statement_steps(self) -> int:
        """The first steps, without captions: none where the term that they are for is left out."""
        alone = self.objective == "claims" and self.across_image_weight
        return math.ceil(self.statements_first * self.steps) if alone else 0

    @model_validator(mode="before")
    @classmethod
    def _start(cls, fields: Any) -> Any:
        return beneath(fields) if isinstance(fields, dict) else fields

    @field_validator("precision")
    @classmethod
    def _trainable(cls, value: str) -> str:
        if value not in ("float32", "bfloat16", *COMPUTED):
            raise ValueError(
                f"{value!r} is no precision to train in; give float32, bf16 or auto, or bfloat16 where memory is "
                "short (float16 loses small gradients)"
            )
        return value

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.arm in TRACED_ARMS and self.trace is None:
            raise ValueError(f"arm {self.arm!r} takes its layer weights from a trace; give the trace's file")
        if self.method == "full" and self.precision == "bfloat16":
            raise ValueError(
                "full fine-tuning in bfloat16 rounds most updates away; use float32 or bf16, or method lora"
            )
        terms = (self.caption_weight, self.same_image_weight, self.across_image_weight)
        if self.objective == "distil":
            read_teacher(self.teacher or "")
            if self.reports is not None and self.texts == "grammar":
                raise ValueError("reports are given and texts is grammar; set texts to reports or both")
        elif (given := next((name for name in _OF_TEXTS if getattr(self, name)), None)) is not None:
            raise ValueError(f"{given} is of objective distil; set objective to distil, or leave {given} out")
        if self.objective == "claims" and ARMS[self.arm].trains and not any(terms):
            raise ValueError("caption_weight, same_image_weight and across_image_weight are all 0: nothing is learnt")
        return self
