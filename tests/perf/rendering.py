"""Phantoms drawn per second on one core."""

from nast_core.data.drawing import render
from nast_core.data.phantom import sample_phantom
from tests.perf.timing import best


def images_per_second() -> list[tuple[str, str, str]]:
    people = [sample_phantom(seed) for seed in range(200)]
    small = len(people) / best(lambda: [render(person, 112) for person in people])
    large = 20 / best(lambda: [render(person, 512) for person in people[:20]])
    return [
        ("Phantoms at 112 px", f"{small:.0f} images/s on one core", "200 phantoms, best of 3"),
        ("Phantoms at 512 px", f"{large:.0f} images/s on one core", "20 phantoms, best of 3"),
    ]
