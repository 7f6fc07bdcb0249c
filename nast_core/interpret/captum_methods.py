"""captum's methods, without what it draws charts and asks language models with: half a second of a first look."""

from nast_core.models.put_off import quickly


def _methods() -> tuple:
    from captum.attr import IntegratedGradients, LayerGradCam, Occlusion

    return IntegratedGradients, LayerGradCam, Occlusion


IntegratedGradients, LayerGradCam, Occlusion = quickly(_methods)
