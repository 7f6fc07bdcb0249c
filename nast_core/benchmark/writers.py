"""Writers by name."""

from nast_core.benchmark.grammar import demo_grammar
from nast_core.benchmark.sources import PHANTOM
from nast_core.benchmark.template import TemplateWriter
from nast_core.benchmark.writer import Writer
from nast_core.errors import BenchmarkError
from nast_core.files.gate import shown


def writer_named(name: str, labels: str) -> Writer:
    """The writer for a label source. Raises BenchmarkError for a name that there is no writer of."""
    if name == TemplateWriter.name:
        return TemplateWriter(demo_grammar() if labels == PHANTOM else None)
    raise BenchmarkError(f"unknown writer {shown(name)!r}; there are {TemplateWriter.name} and llm")
