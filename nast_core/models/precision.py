"""Computing in bf16: whether a device can, whether it pays there, and the context it is done in.

The weights stay in float32: torch's autocast rounds what goes into matrix products to bfloat16 and leaves norms, sums
of the residual stream and the vectors that come out in float32. What is traced or attributed is never computed so.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from threading import Lock
from typing import TYPE_CHECKING, Literal, NamedTuple

from nast_core.errors import ModelError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from nast_core.models.encoder import DualEncoder

BF16, AUTO = "bf16", "auto"
COMPUTED = (BF16, AUTO)  # precisions to compute in, over weights in float32; others are what weights are loaded in
SURELY = 1.15  # times as fast: less is within what a busy machine adds
_ENOUGH, _LONGEST = 0.2, 1.0  # seconds that a batch takes at least, and after which no further round of both is begun
_ROUNDS = 5
_CPU = ("amx_bf16", "avx512_bf16")
_IMAGES, _TEXTS = 64, 256  # at most in a trial: what a card is given at a time
Part = Literal["images", "texts"]
PARTS: tuple[Part, ...] = ("images", "texts")
Work = Callable[[int, bool], object]
"""Does its work on so many things, in bf16 or not, and waits until it is done."""


class Choice(NamedTuple):
    """What some work is computed in, and why."""

    bf16: bool
    why: str  # after "computed in bf16, ": a part of a sentence
    seconds: tuple[float, float] | None = None  # of a batch in float32 and in bf16, where both were tried

    @property
    def said(self) -> str:
        return f"{BF16 if self.bf16 else 'float32'}, {self.why}"


FLOAT32 = Choice(False, "as asked")


def stored(precision: str) -> str:
    """What the weights are loaded in."""
    return "float32" if precision in COMPUTED else precision


def lacking(device: "torch.device") -> str:
    """Why a device has no bf16 of its own, as a clause; empty where it has."""
    import torch

    if device.type == "cuda":
        with torch.cuda.device(device):
            has, name = torch.cuda.is_bf16_supported(including_emulation=False), torch.cuda.get_device_name(device)
        return "" if has else f"the GPU ({name}) has no bf16"
    if device.type == "mps":
        name = torch.backends.mps.get_name()
        has = torch.backends.mps.is_macos_or_newer(14, 0) and not name.startswith("Apple M1")
        return "" if has else f"{name} under this macOS has no bf16 (an M2 or newer and macOS 14 have)"
    capabilities = torch.cpu.get_capabilities()
    return "" if any(capabilities.get(name) for name in _CPU) else "this CPU has no bf16 (AMX or AVX512-BF16)"


def check(asked: str, device: "torch.device") -> None:
    """Raises ModelError where bf16 is asked for and would be emulated."""
    if asked == BF16 and (missing := lacking(device)):
        raise ModelError(f"{missing}, and emulated it is slower than float32; give precision float32, or auto")


@contextmanager
def computing(device: "torch.device", bf16: bool) -> Iterator[None]:
    """While open, this thread's matrix products are done in bf16, or as ever."""
    if not bf16:
        yield
        return
    import torch

    with torch.autocast(device.type, torch.bfloat16):
        yield


def fused_is_slow(query: "Tensor") -> bool:
    """Whether torch's fused attention is better left alone: on a CPU its bf16 gradient is slow for short texts."""
    import torch

    return query.requires_grad and query.device.type == "cpu" and torch.is_autocast_enabled("cpu")


def choose(asked: str, device: "torch.device", known_as: tuple[str, ...], work: Work, most: int) -> Choice:
    """What to compute some work in. Under ``auto`` both are tried, once a process for what is ``known_as`` so.

    ``most``: things that the work is done on at a time. Raises ModelError as ``check`` does.
    """
    if asked not in COMPUTED:
        return FLOAT32
    check(asked, device)
    if missing := lacking(device):
        return Choice(False, f"since {missing}")
    if asked == BF16:
        return Choice(True, "as asked")
    key = (str(device), *known_as)
    with _trying:
        if key not in _tried:
            _tried[key] = _raced(work, most, of_processor=device.type == "cpu")
        return _tried[key]


_tried: dict[tuple[str, ...], Choice] = {}
_trying = Lock()  # two trials at a time would disturb one another


def _raced(work: Work, most: int, *, of_processor: bool) -> Choice:
    """The faster, in turns, on a batch that is large enough to be timed; on a CPU by the processor's time, which others
    who use the machine do not lengthen."""
    clock = time.process_time if of_processor else time.perf_counter

    def timed(bf16: bool) -> float:
        start = clock()
        work(size, bf16)
        return clock() - start

    size, slow, fast, rounds = 1, float("inf"), float("inf"), 0
    for in_bf16 in (False, True):
        work(size, in_bf16)  # cold
    while size < most and timed(True) < _ENOUGH:
        size = min(4 * size, most)
    began = clock()
    while rounds < _ROUNDS and (rounds == 0 or clock() - began < _LONGEST):
        fast, slow, rounds = min(fast, timed(True)), min(slow, timed(False)), rounds + 1
        if rounds > 1 and not 1 < slow / fast < SURELY**2:
            break  # one has plainly won
    pays = slow >= SURELY * fast
    spent = "s of the processor" if of_processor else "s"
    why = f"a batch takes {fast:.3g} {spent} in bf16 and {slow:.3g} in float32"
    return Choice(pays, why if pays else f"{why}; it is taken from {SURELY:g} times as fast", (slow, fast))


def with_bf16(model: "DualEncoder", parts: Iterable[Part]) -> "DualEncoder":
    """The same model, whose vectors of ``parts`` are made in bf16; the weights are shared."""
    if frozenset(parts) == model.in_bf16:
        return model
    other = copy(model)
    other.in_bf16 = frozenset(parts)
    return other


def choose_for(model: "DualEncoder", asked: str, part: Part) -> Choice:
    """What a model's vectors of texts or images are to be made in; as ``choose``."""
    from PIL import Image

    pixels = [model.preprocess(Image.new("L", (model.image_size, model.image_size), 128))] * _IMAGES
    texts = [f"There is no edema, and {n} other findings are not seen." for n in range(_TEXTS)]

    def work(size: int, bf16: bool) -> None:
        tried = with_bf16(model, [part] if bf16 else [])
        if part == "images":
            tried.encode_images(pixels[:size])
        else:
            tried.encode_texts(texts[:size])

    most = _IMAGES if part == "images" else _TEXTS
    return choose(asked, model.text.device, (model.fingerprint, part), work, most)
