"""Grad-CAM: which places of a convolutional image tower's last feature map raise a score (arXiv:1610.02391), by
captum."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from nast_core.interpret.attribution import AttributionError
from nast_core.interpret.captum_methods import LayerGradCam
from nast_core.models.encoder import DualEncoder
from nast_core.negation.forms import FORMS

FormScore = Callable[[Float[Tensor, "image channel height width"]], Float[Tensor, "image form"]]


def grad_cam(
    model: DualEncoder, score: FormScore, pixels: Float[Tensor, "1 channel height width"]
) -> Float[np.ndarray, "form row column"]:
    """The gradient of S averaged over the last feature map, times that map, summed over channels; with its sign."""
    with torch.inference_mode(False), torch.enable_grad(), _tapped(last_stage(model)) as tap:
        maps = [LayerGradCam(score, tap).attribute(pixels, target=form) for form in range(len(FORMS))]
    return torch.cat(maps)[:, 0].detach().double().cpu().numpy()


def last_stage(model: DualEncoder) -> nn.Module:
    """The last block of a convolutional image tower, whose output Grad-CAM reads.

    Found by the names that torchvision, open_clip, timm and transformers give it. Raises AttributionError for others.
    """
    for name, module in model.module.named_modules():
        match name.split(".")[-1]:
            case "layer4":
                return module
            case "stages" if isinstance(module, nn.ModuleList | nn.Sequential):
                return module[-1]
    tower = model.report.rows.get("Image tower", "a transformer")
    raise AttributionError(
        f"Grad-CAM reads the last feature map of a convolutional image tower, and that of {model.card.name} is none "
        f"({tower}); occlusion and integrated gradients work on it"
    )


@contextmanager
def _tapped(stage: nn.Module) -> Iterator[nn.Module]:
    """A module of this call's own through which the stage's output runs in this thread.

    captum reads a layer through a hook. On the stage itself, which all sessions share, it would see their images too.
    """
    tap, mine = nn.Identity(), threading.get_ident()
    handle = stage.register_forward_hook(lambda _, __, output: tap(output) if threading.get_ident() == mine else None)
    try:
        yield tap
    finally:
        handle.remove()
