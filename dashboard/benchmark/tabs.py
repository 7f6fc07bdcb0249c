"""The tabs of the Benchmark page: name -> what draws it."""

from collections.abc import Callable

from dashboard.benchmark import claims, item_by_item, mistakes, questions, retrieval, wording
from dashboard.benchmark.slices import View
from dashboard.parts import widgets


def _of_questions(draw: Callable[[View], None]) -> Callable[[View], None]:
    """A tab that shows nothing but answers; where nothing could be asked, it says why, and the other tabs go on."""

    def drawn(view: View) -> None:
        if view.lacks:
            widgets.hint(f"{view.lacks}. Claims, and retrieval, are shown beside this tab.")
        else:
            draw(view)

    return drawn


TABS = {
    "Questions": _of_questions(questions.draw),
    "Distance and bias": _of_questions(mistakes.draw),
    "Claims": claims.draw,
    "Wording": wording.draw,
    "Retrieval and alignment": retrieval.draw,
    "Items": _of_questions(item_by_item.draw),
}
