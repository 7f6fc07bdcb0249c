"""CheXpert's 13 conditions and the sentence frames of radiographs, by the names that tests know them by."""

from nast_core.negation.phrases import frames
from nast_core.vocabulary.shipped import chest

CHEXPERT_CONDITIONS = chest().conditions
FRAMES = frames(chest())
