"""The tabs of the Benchmark page: name -> what draws it."""

from dashboard.benchmark import claims, item_by_item, mistakes, questions, retrieval

TABS = {
    "Questions": questions.draw,
    "Distance and bias": mistakes.draw,
    "Claims": claims.draw,
    "Retrieval and alignment": retrieval.draw,
    "Items": item_by_item.draw,
}
