"""A tiny world for commands: a CLIP, items, claims, pairs, and a fine-tune of it;
made once, by commands of the project."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.faults.children import Child, Ended, nast

PAIRS = [
    (f"there is {some} {noun}.", f"there is no {noun}.", finding)
    for noun, finding in (("edema", "Edema"), ("pneumothorax", "Pneumothorax"), ("cardiomegaly", "Cardiomegaly"))
    for some in ("severe", "mild", "some")
]


@dataclass(frozen=True)
class World:
    folder: Path
    model: Path
    pairs: Path
    items: Path
    claims: Path
    recipe: Path  # of a fine-tune
    tuned: Path  # its adapter
    exported: Path  # and the same merged, a model's folder

    @property
    def environment(self) -> dict[str, str]:
        return {"NAST_RUNS": str(self.folder / "runs"), "NAST_CACHE": "off", "OMP_NUM_THREADS": "1"}

    def start(self, *words: object, **more: str) -> Child:
        return Child(nast(*words), self.folder / "log", self.environment | more)

    def run(self, *words: object, **more: str) -> Ended:
        return self.start(*words, **more).wait()

    def train(self, folder: Path) -> None:
        """The fine-tune's own work, in this process; goes on from a checkpoint in ``folder``."""
        import yaml

        from nast_core.finetune.recipe import FinetuneRecipe
        from nast_core.work.finetune import finetune
        from tests.finetuning import Notes

        fields = {n: value for n, value in yaml.safe_load(self.recipe.read_text("utf-8")).items() if n != "kind"}
        finetune(FinetuneRecipe.model_validate(fields), folder, Notes())


def make(folder: Path, *, tuned: bool = True) -> World:
    world = World(
        folder, folder / "clip", folder / "pairs.jsonl", folder / "items.jsonl", folder / "claims.jsonl",
            folder / "tune.yaml",
        folder / "trained" / "adapter", folder / "tuned-clip",
    )  # fmt: skip
    lines = [json.dumps({"affirmative": a, "negated": n, "finding": f}) + "\n" for a, n, f in PAIRS]
    world.pairs.write_text("".join(lines), "utf-8")
    world.recipe.write_text(
        f"kind: finetune\nmodel: {world.model}\ndata: {world.claims}\nsteps: 12\nbatch_size: 4\ncompared_images: "
        "8\nvalidate_every: 6\ncheckpoint_every: 2\nrank: 8\nalpha: 16\ndevice: cpu\ntracker: "
        "none\nvalidation_studies: 8\n",
        "utf-8",
    )
    made = Child(lambda: _write(world, tuned), folder / "log", world.environment).wait()
    if made.code:
        raise AssertionError(f"the world of the trials cannot be made: {made.said[-2000:]}")
    return world


def _write(world: World, tuned: bool) -> None:
    from nast_core.benchmark.items import write_items
    from nast_core.benchmark.phantoms import phantom_items
    from nast_core.work.export import export
    from tests.checkpoints import write_huggingface_clip
    from tests.finetuning import write_phantom_claims

    write_huggingface_clip(world.model)
    write_items(phantom_items(60, split="test"), world.items)
    write_phantom_claims(world.claims)
    if tuned:
        world.tuned.parent.mkdir()
        world.train(world.tuned.parent)
        export(world.tuned, world.exported)
