"""What is checked while tests run: shape annotations (tests/shapes.py), and warnings of our own code."""

import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from jaxtyping import Float, Int, TypeCheckError, jaxtyped

from tests.shapes import checked


@jaxtyped(typechecker=checked)
def weighed(
    values: Float[np.ndarray, "item column"], which: Int[np.ndarray, " item"], names: Sequence[str] = ()
) -> Float[np.ndarray, " column"]:
    return (values * which[:, None]).sum(0)[: len(names) or None]


def test_arrays_that_are_as_declared_pass_and_what_is_no_array_is_not_looked_at():
    assert weighed(np.ones((2, 3)), np.array([1, 2])).tolist() == [3, 3, 3]
    assert weighed(np.ones((2, 3)), np.array([1, 2]), {1: 2, 2: 3, 3: 4}).tolist() == [3, 3, 3]  # no sequence of texts


@pytest.mark.parametrize(
    ("values", "which", "named"),
    [
        (np.ones((2, 3)), np.array([1]), "which"),  # numpy would spread the one over both items
        (np.ones((2, 3)), np.array([1.0, 2.0]), "which"),
        (np.ones(3), np.array([1, 2, 3]), "values"),
    ],
    ids=["length", "kind of number", "axes"],
)
def test_an_array_that_is_not_as_declared_is_refused_by_its_name(values, which, named):
    with pytest.raises(TypeCheckError, match=f"typechecking parameter '{named}'"):
        weighed(values, which)


def test_so_is_a_result():
    with pytest.raises(TypeCheckError, match="return value"):
        weighed(np.ones((2, 3)), np.array([1, 2]), ["a"])


@pytest.mark.parametrize("module", ["nast_core.files.gate", "dashboard.charts", "tests.shapes", "test_shapes"])
def test_a_warning_of_our_own_code_is_an_error(module):
    with pytest.raises(UserWarning, match="mind this"):
        warnings.warn_explicit("mind this", UserWarning, "a.py", 1, module=module)


def test_a_warning_of_a_library_is_none():
    with pytest.warns(UserWarning, match="mind this"):
        warnings.warn_explicit("mind this", UserWarning, "a.py", 1, module="a_library")
