"""Hugging Face CLIP and native open_clip pass what every family must."""

import pytest

from tests.families.checks import passes_every_check


@pytest.mark.parametrize("family", ["Hugging Face CLIP", "open_clip"])
def test_family_passes_every_check(family, folders, tmp_path):
    passes_every_check(folders[family], tmp_path)
