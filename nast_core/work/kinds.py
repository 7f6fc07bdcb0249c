"""Every kind of run there is. Whatever lists kinds, shows them or carries them out goes by this table.

To add one, write its file beside the others (docs/extending/kind_of_run.md) and name it here.
"""

from nast_core.recipe import Recipe, Work
from nast_core.runs.kinds import Kind, make_recipe, read_recipe, recipe_class
from nast_core.work.alignment import ALIGNMENT, AlignmentRecipe
from nast_core.work.attention import ATTENTION, AttentionRecipe
from nast_core.work.audit import AUDIT, AuditRecipe
from nast_core.work.benchmark import BENCHMARK, BenchmarkRecipe
from nast_core.work.build_claims import BUILD_CLAIMS, BuildClaimsRecipe
from nast_core.work.build_dataset import BUILD_DATASET, BuildDatasetRecipe
from nast_core.work.build_items import BUILD_ITEMS, BuildItemsRecipe
from nast_core.work.build_language import BUILD_LANGUAGE, BuildLanguageRecipe
from nast_core.work.claims import CLAIMS, ClaimsRecipe
from nast_core.work.contributions import CONTRIBUTIONS, ContributionsRecipe
from nast_core.work.encode import ENCODE, EncodeRecipe
from nast_core.work.finetune import FINETUNE, FinetuneRecipe
from nast_core.work.lens import LENS, LensRecipe
from nast_core.work.probe import PROBE, ProbeRecipe
from nast_core.work.repair import REPAIR, RepairRecipe
from nast_core.work.trace import TRACE, TraceRecipe

__all__ = [
    "KINDS",
    "AlignmentRecipe",
    "AttentionRecipe",
    "AuditRecipe",
    "BenchmarkRecipe",
    "BuildClaimsRecipe",
    "BuildDatasetRecipe",
    "BuildItemsRecipe",
    "BuildLanguageRecipe",
    "ClaimsRecipe",
    "ContributionsRecipe",
    "EncodeRecipe",
    "FinetuneRecipe",
    "Kind",
    "LensRecipe",
    "ProbeRecipe",
    "Recipe",
    "RepairRecipe",
    "TraceRecipe",
    "make_recipe",
    "read_recipe",
    "recipe_class",
    "work_of",
]

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        ATTENTION,
        TRACE,
        PROBE,
        LENS,
        CONTRIBUTIONS,
        BENCHMARK,
        CLAIMS,
        ALIGNMENT,
        ENCODE,
        BUILD_DATASET,
        BUILD_ITEMS,
        BUILD_CLAIMS,
        BUILD_LANGUAGE,
        FINETUNE,
        REPAIR,
        AUDIT,
    )
}


def work_of(kind: str) -> Work:
    return KINDS[kind].work
