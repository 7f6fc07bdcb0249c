"""The app in the wheel: what stands beside nast_core in a checkout lies in it once installed, as nast_core/_app.

There `dashboard`, `pages` and `assets` keep their names and their places to one another, and site-packages gets one new
name alone: `nast_core`. Everything else is said in pyproject.toml. An editable install copies nothing.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

APP = ("dashboard", "pages", "assets")


class WithApp(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        inside = Path(self.build_lib) / "nast_core" / "_app"
        shutil.rmtree(inside, ignore_errors=True)  # an earlier build's: a page that has gone since stays gone
        for name in APP:
            shutil.copytree(name, inside / name, ignore=shutil.ignore_patterns("__pycache__"))


setup(cmdclass={"build_py": WithApp})
