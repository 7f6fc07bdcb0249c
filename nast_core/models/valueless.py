"""Modules built without values for their parameters: no random weights are drawn, and no weight is held twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

_valueless: ContextVar[bool] = ContextVar("valueless", default=False)  # of this thread: others may build models too


def _without_value(module: nn.Module, name: str, parameter: nn.Parameter) -> Any:
    if _valueless.get() and not parameter.is_meta:
        return nn.Parameter(parameter.to("meta"), requires_grad=parameter.requires_grad)
    return None  # as it was


# once and for good: a hook that comes and goes would break another thread's walk over the hooks
register_module_parameter_registration_hook(_without_value)


@contextmanager
def valueless() -> Iterator[None]:
    """While open, parameters of new modules are on the meta device;
    buffers, which are in no file, are computed as ever."""
    token = _valueless.set(True)
    try:
        yield
    finally:
        _valueless.reset(token)
