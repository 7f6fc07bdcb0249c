"""Images that are drawn here, told by their names: what a page needs to know of them, whatever they show."""

import re

from nast_core.data.phantom import PREFIX, phantom_of

_TITLE = "phantom "
_TITLED = re.compile(rf"{_TITLE}\d+")


def is_drawn(name: str) -> bool:
    """Whether an image's name stands for a drawing, which can be drawn in any size, and not for a file."""
    return phantom_of(name) is not None


def title_of(name: str) -> str:
    """An image's name as fields and links have it: "phantom 3" for phantom:3, a file's own path."""
    return name.replace(PREFIX, _TITLE) if name.startswith(PREFIX) else name


def name_of(title: str) -> str:
    """The other way round."""
    return title.replace(_TITLE, PREFIX) if _TITLED.fullmatch(title) else title
