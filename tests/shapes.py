"""Shape annotations, checked: ``make shapes``, which is ``pytest --jaxtyping-packages=nast_core,tests.shapes.checked``.

What a function of the engine declares of its arrays holds whenever a test calls it: kind of number, number of axes, and
axes of one name equally long. Other annotations are mypy's; at run time they would refuse a test's stand-ins and import
what pages leave for later.
"""

from collections.abc import Callable
from typing import Any, TypeVar, get_args

from beartype import beartype
from jaxtyping import AbstractArray

Function = TypeVar("Function", bound=Callable[..., Any])


def checked(function: Function) -> Function:
    """The function, refusing arrays that are not as its annotations say; itself where they say nothing of arrays."""
    hints = function.__annotations__
    shapes = {name: hint for name, hint in hints.items() if _of_arrays(hint)}
    if not shapes:
        return function
    function.__annotations__ = shapes
    return beartype(function)


def _of_arrays(hint: object) -> bool:
    return (isinstance(hint, type) and issubclass(hint, AbstractArray)) or any(map(_of_arrays, get_args(hint)))
