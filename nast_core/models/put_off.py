"""transformers without the parts that no model here uses: they are imported when something is first done with them.

One CLIP of transformers brings torch's compiler, tensors spread over machines, the serving of language models, SciPy's
optimisers, Accelerate and the hub's interface with it: more than half of the seconds that the import takes. While
``unused_parts`` is open, a name that transformers takes from such a part is a ``Later``, and whatever is done with it
is done with the real thing, which is imported for it then. Nothing is replaced and nothing of transformers is changed,
so a version that uses more of these parts is slower, not wrong. Anybody else who asks meanwhile gets the real part at
once; and where the import fails all the same, it is done again without any of this.
"""

import functools
import gc
import importlib
import operator
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from types import FunctionType, ModuleType
from typing import Any, TypeVar, Union, cast

from nast_core.errors import NastError

PARTS = (  # with what lies below them
    "accelerate",
    "captum.attr._core.llm_attr",  # these three bring matplotlib
    "captum.attr._utils.interpretable_input",
    "captum.attr._utils.visualization",
    "huggingface_hub.hf_api",
    "jinja2",
    "scipy.optimize",
    "torch._dynamo",
    "torch.distributed._composable",
    "torch.distributed.checkpoint",
    "torch.distributed.fsdp",
    "torch.distributed.tensor",
    "torch.nn.attention.flex_attention",
    "torchvision.datasets",
    "torchvision.models",
    "transformers.generation.continuous_batching",
)
_ASKING = (  # whose imports may be put off; the last two ask on others' behalf
    "transformers",
    "torchvision",
    "captum",
    "torch.compiler",
    "huggingface_hub",
)
_SHELVES = ("transformers.models",)  # whose own code reads the source of 2,000 modules, to look them up by name
_CALLED = (  # what transformers calls as it is imported, without side effects: the call is put off too
    ("torch._dynamo", "allow_in_graph"),  # these three say of a function what the compiler may do with it
    ("torch._dynamo", "assume_constant_result"),
    ("torch._dynamo", "disable"),
    ("torch.distributed.tensor", "Partial"),  # these three say how a tensor is spread over machines
    ("torch.distributed.tensor", "Replicate"),
    ("torch.distributed.tensor", "Shard"),
)  # what comes of the call is true
_OWN = {"torch.distributed.tensor", "transformers.generation.continuous_batching"}  # define the classes they give
_AGAIN = "_nast_later"  # what a name is called in a type such as "DTensor | None"
T = TypeVar("T")
_lock = threading.RLock()


class Later:
    """A name of a part that is not imported yet, or what a call of one gives. Everything done with it imports it."""

    def __init__(self, find: Callable[[], Any], name: tuple[str, str] | None = None):
        vars(self).update(_find=find, _name=name)  # no name: of a call

    def __getattr__(self, name: str) -> Any:
        return getattr(real(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(real(self), name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if (
            vars(self)["_name"] in (*_CALLED, None) and _Finder.at_work is not None
        ):  # None: of a call, as of a decorator
            made = Later(lambda: real(self)(*args, **kwargs))
            return _as_function(args[0], made) if args and isinstance(args[0], FunctionType) else made
        return real(self)(*args, **kwargs)

    def __bool__(self) -> bool:
        return vars(self)["_name"] is None or bool(real(self))

    @property  # type: ignore[misc]  # which isinstance reads of anything
    def __class__(self) -> type:
        return type(real(self))

    def __mro_entries__(self, bases: tuple) -> tuple:
        return (real(self),)

    def __instancecheck__(self, value: Any) -> bool:
        module, _ = vars(self)["_name"] or ("", "")
        part = _part_of(module, _OWN)
        if part is not None and not _is_imported(part):  # nothing can be what nobody has imported
            return False
        return isinstance(value, real(self))

    def __subclasscheck__(self, kind: type) -> bool:
        return issubclass(kind, real(self))

    def __or__(self, other: Any) -> Any:  # in annotations, which nobody reads
        return Union[_AGAIN, other]  # noqa: UP007  # a string takes no |

    def __ror__(self, other: Any) -> Any:
        return Union[other, _AGAIN]  # noqa: UP007


def real(later: Any) -> Any:
    """What a Later stands for, imported."""
    held = vars(later)
    if "_found" not in held:
        held["_found"] = held["_find"]()
    found = held["_found"]
    return real(found) if type(found) is Later else found


def _as_function(decorated: FunctionType, made: Later) -> Callable[..., Any]:
    """What a decorator that is put off makes of a function: a function, which is decorated when it is called."""

    @functools.wraps(decorated)
    def called(*args: Any, **kwargs: Any) -> Any:
        return made(*args, **kwargs)

    return called


def _forward(operation: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *args: operation(real(self), *args)


_FORWARDED: dict[str, Callable[..., Any]] = {
    "__contains__": operator.contains,
    "__enter__": lambda entered: type(entered).__enter__(entered),
    "__eq__": operator.eq,
    "__exit__": lambda left, *error: type(left).__exit__(left, *error),
    "__getitem__": operator.getitem,
    "__hash__": hash,
    "__iter__": iter,
    "__len__": len,
    "__repr__": repr,
    "__setitem__": operator.setitem,
}
for _name, _operation in _FORWARDED.items():
    setattr(Later, _name, _forward(_operation))


class _Part(ModuleType):
    """A module that is not imported yet. transformers gets a Later for a name of it, everybody else the real one's."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked of any module in passing, by whoever walks over all of them
            raise AttributeError(f"module {self.__name__!r} is put off and has no attribute {name!r} yet")
        if _Finder.at_work is not None and _asks().startswith(_ASKING):
            return Later(lambda: _taken(self.__name__, name), (self.__name__, name))
        return _taken(self.__name__, name)


class _Shelf(_Part):
    """A package whose own code has not run. Its modules can be imported; whatever else is asked of it runs its code."""

    def __getattr__(self, name: str) -> Any:
        inner = f"{self.__name__}.{name}"
        if not name.startswith("__") and (inner in sys.modules or find_spec(inner) is not None):
            return importlib.import_module(inner)
        return _Part.__getattr__(self, name)


def _taken(module: str, name: str) -> Any:
    """``from module import name``, for real."""
    if _Finder.at_work is not None:
        _Finder.at_work.give_way(module)
    found = importlib.import_module(module)
    if not hasattr(found, name):
        with suppress(ModuleNotFoundError):
            return importlib.import_module(f"{module}.{name}")
    return getattr(found, name)


def _asks() -> str:
    """The module whose code asks for a name: the nearest that is neither this one nor Python's own import."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("importlib"):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", ""))


def _is_imported(module: str) -> bool:
    return module in sys.modules and not isinstance(sys.modules[module], _Part)


class _Finder:
    """Puts a part off when its import is asked for, until somebody wants it."""

    at_work: "_Finder | None" = None

    def __init__(self, parts: Sequence[str]):
        self._parts = {part for part in parts if not _is_imported(part)}
        self._shelves = {shelf for shelf in _SHELVES if not _is_imported(shelf)}

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        if name in self._shelves:
            real_one = PathFinder.find_spec(name, path)
            spec = ModuleSpec(name, cast(Any, self), is_package=True)
            spec.submodule_search_locations = real_one.submodule_search_locations if real_one else None
            return spec
        if _part_of(name, self._parts) is None:
            return None
        return ModuleSpec(name, cast(Any, self), is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return (_Shelf if spec.name in self._shelves else _Part)(spec.name)

    def exec_module(self, module: ModuleType) -> None: ...

    def give_way(self, name: str) -> None:
        """The part that a module belongs to is wanted after all."""
        if name in self._shelves:
            self._shelves.discard(name)
            _forget({name})
        if (part := _part_of(name, self._parts)) is not None:
            self._parts.discard(part)
            _forget({part})


def _part_of(name: str, parts: set[str]) -> str | None:
    return next((part for part in parts if name == part or name.startswith(f"{part}.")), None)


def _forget(parts: set[str]) -> None:
    """So that the next import of them is a real one."""
    for name in [name for name, module in sys.modules.items() if isinstance(module, _Part)]:
        if _part_of(name, parts) is not None:
            del sys.modules[name]


@contextmanager
def unused_parts(parts: Sequence[str] = PARTS) -> Iterator[None]:
    """While open, imports of transformers put ``parts`` off. In one thread at a time."""
    with _lock:
        finder = _Finder(parts)
        _Finder.at_work = finder
        sys.meta_path.insert(0, cast(Any, finder))
        try:
            yield
        finally:
            sys.meta_path.remove(cast(Any, finder))
            _Finder.at_work = None
            _forget({*parts, *_SHELVES})


def quickly(work: Callable[[], T]) -> T:
    """What ``work`` imports of transformers and does with it, without the unused parts where that is possible."""
    with collection_paused():
        try:
            with unused_parts():
                return work()
        except Exception as error:
            if isinstance(_root(error), NastError):  # the folder is at fault, not the way it was read
                raise
            return work()  # something in this version of transformers cannot wait


def quiet_libraries() -> None:
    """No warnings and bars of transformers: what it would warn of, the load report says or a ModelError does."""

    def settle() -> None:
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()

    quickly(settle)


def _root(error: BaseException) -> BaseException:
    return error if error.__cause__ is None else _root(error.__cause__)


class _Pauses:
    """How many blocks are open in which no garbage is looked for, and whether it was before."""

    count = 0
    enabled = True
    lock = threading.Lock()


@contextmanager
def collection_paused() -> Iterator[None]:
    """No search for garbage while it is open: an import makes a million objects and none of them is garbage."""
    with _Pauses.lock:
        if not _Pauses.count:
            _Pauses.enabled = gc.isenabled()
            gc.disable()
        _Pauses.count += 1
    try:
        yield
    finally:
        with _Pauses.lock:
            _Pauses.count -= 1
            if not _Pauses.count and _Pauses.enabled:
                gc.enable()
