"""Writers by name."""

from nast_core.benchmark.template import TemplateWriter
from nast_core.benchmark.writer import Writer
from nast_core.errors import BenchmarkError


def writer_named(name: str) -> Writer:
    """Raises BenchmarkError for a name that there is no writer of."""
    if name == TemplateWriter.name:
        return TemplateWriter()
    raise BenchmarkError(f"unknown writer {name!r}; there are {TemplateWriter.name} and llm")
