"""Writers by name."""

from pathlib import Path

from nast_core.benchmark.grammar import demo_grammar, grammar
from nast_core.benchmark.template import TemplateWriter
from nast_core.benchmark.writer import Writer
from nast_core.data.label_names import DRAWN
from nast_core.errors import BenchmarkError
from nast_core.files.gate import shown
from nast_core.vocabulary.model import Vocabulary


def writer_named(name: str, labels: str, vocabulary: Vocabulary | None = None) -> Writer:
    """The writer for a label source that needs nothing else.
    Raises BenchmarkError for a name that there is no writer of."""
    if name == TemplateWriter.name:
        return TemplateWriter(demo_grammar() if labels == DRAWN else grammar(vocabulary))
    raise BenchmarkError(f"unknown writer {shown(name)!r}; there are {TemplateWriter.name} and llm")


def llm_writer(
    model: str | None,
    answers: Path,
    *,
    base_url: str | None = None,
    jobs: int = 8,
    prices: tuple[float, float] | None = None,
    patience: int | None = None,
    vocabulary: Vocabulary | None = None,
) -> Writer:
    """A language model at an endpoint, whose key is in the environment; ``answers``: folder that keeps what it said.

    ``prices``: of a million tokens of prompts, and of answers. ``patience``: questions in a row that may stay without
    an answer. Raises BenchmarkError without a model, and for a price below 0.
    """
    if prices and min(prices) < 0:
        raise BenchmarkError(f"a price of {min(prices):g} is none; give what a million tokens cost")
    if not model:
        raise BenchmarkError("the llm writer needs a model; give --llm-model, or set NAST_LLM_MODEL")
    from nast_core.benchmark.llm import LLMWriter
    from nast_core.benchmark.llm_asking import PATIENCE, Prices
    from nast_core.benchmark.llm_endpoint import Endpoint

    endpoint = Endpoint(base_url, model)
    price = Prices(*prices) if prices else None
    return LLMWriter(endpoint, answers, jobs=jobs, prices=price, patience=patience or PATIENCE, vocabulary=vocabulary)
