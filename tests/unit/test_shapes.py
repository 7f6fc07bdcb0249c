"""That shape annotations are checked while tests run (tests/shapes.py)."""

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from nast_core.benchmark.statistics import patient_bootstrap
from nast_core.finetune.losses import alignment_loss, same_image_loss


def test_axes_of_one_name_are_equally_long():
    with pytest.raises(TypeCheckError, match=r"alignment_loss"):
        alignment_loss(torch.ones(2, 3), torch.ones(1, 3))  # torch would spread the one row over both


def test_numbers_are_of_the_kind_that_is_declared():
    with pytest.raises(TypeCheckError, match=r"same_image_loss"):
        same_image_loss(torch.zeros(1, 2), torch.zeros(1, 2))  # whole numbers are needed


def test_an_array_has_as_many_axes_as_are_declared():
    with pytest.raises(TypeCheckError, match=r"patient_bootstrap"):
        patient_bootstrap(np.zeros(3), ["a", "b", "c"])


def test_what_is_no_array_is_not_looked_at():
    assert patient_bootstrap(np.zeros((2, 1)), ("a", "b"), resamples=2, seed=np.int64(1)).tolist() == [[0], [0]]
