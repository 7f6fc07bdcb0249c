"""A folder that is not to be trusted: a file for every module there is, which says so when it is run."""

import sys
from importlib.metadata import packages_distributions
from pathlib import Path


class Canaries:
    """Files named as everything the engine may import, in ``folder``; ``sang`` names those that were run."""

    def __init__(self, folder: Path, heard: Path):
        self.folder, self._heard = folder, heard
        folder.mkdir(exist_ok=True)
        names = {*sys.stdlib_module_names, *packages_distributions(), "nast_core", "sitecustomize", "usercustomize"}
        for name in filter(str.isidentifier, names):
            (folder / f"{name}.py").write_text(f"open({str(heard)!r}, 'a').write({name + chr(10)!r})\n")

    @property
    def sang(self) -> list[str]:
        return self._heard.read_text().split() if self._heard.exists() else []
