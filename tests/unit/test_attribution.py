"""Attributions: that they add up, equal a plain computation, lie at the right place, and are refused in words."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
import xarray as xr
from captum.attr import LayerIntegratedGradients
from PIL import Image
from torch.nn import functional as F
from typer.testing import CliRunner

from nast_core import load_model
from nast_core.commands import attribute as attribute_command
from nast_core.encoding.images import open_image
from nast_core.errors import PairError
from nast_core.interpret import grad_cam
from nast_core.interpret.attribution import AttributionError, Line, integrate
from nast_core.interpret.attribution_image import METHODS, attribute_image, evaluations
from nast_core.interpret.attribution_text import attribute_tokens
from nast_core.interpret.field_of_view import field_of_view
from nast_core.interpret.occlusion_windows import Windows, windows_of
from nast_core.negation.pairs import PolarityPair, align
from tests.checkpoints import loud, write_huggingface_clip, write_open_clip
from tests.writers import biovil, cxr_clip, medclip, open_clip_bert, open_clip_coca, siglip

pytestmark = pytest.mark.slow  # every family's maps

SHORT = PolarityPair(affirmative="There is some edema.", negated="There is no edema.")
LONG = PolarityPair(
    affirmative="Frontal view. There is a pneumothorax.", negated="Frontal view. There is no pneumothorax."
)
IMAGE = open_image("phantom:1000011", size=60)


def write_open_clip_resnet(folder: Path) -> Path:
    """open_clip's ModifiedResNet, RN50's kind, narrow and with one block a layer."""
    write_open_clip(folder)
    config = (folder / "open_clip_config.json").read_text()
    vision = '"vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 4, "head_width": 32}'
    start = config.index('"vision_cfg"')
    (folder / "open_clip_config.json").write_text(config[:start] + vision + config[config.index("}", start) + 1 :])
    text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 3}
    net = open_clip.CLIP(16, {"image_size": 64, "layers": [1, 1, 1, 1], "width": 4, "head_width": 32}, text, True)
    torch.save(loud(net).state_dict(), folder / "open_clip_pytorch_model.bin")
    return folder


WRITERS: dict[str, Callable[[Path], Path]] = {
    "CLIP": write_huggingface_clip,  # causal, one position
    "open_clip": write_open_clip,  # causal, a tokenizer of its own
    "CoCa": open_clip_coca.write,  # causal, padding read, a class token
    "RoBERTa": open_clip_bert.write_roberta,  # bidirectional, mean of all positions
    "MedCLIP": medclip.write,  # bidirectional, three layers pooled
    "SigLIP": siglip.write,  # bidirectional, padding read
}
RESNETS: dict[str, Callable[[Path], Path]] = {
    "open_clip": write_open_clip_resnet,
    "MedCLIP": lambda folder: medclip.write(folder, resnet=True),
    "CXR-CLIP": lambda folder: cxr_clip.write(folder, tower="resnet"),
    "BioViL-T": lambda folder: biovil.write(folder, prior=True),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Callable[[str, Callable[[Path], Path]], Path]:
    """The folder of a tiny checkpoint, written at first use."""
    base, done = tmp_path_factory.mktemp("attribution"), {}

    def folder(name: str, write: Callable[[Path], Path]) -> Path:
        if (name, write) not in done:
            done[name, write] = write(base / f"{name}-{len(done)}")
        return done[name, write]

    return folder


@pytest.fixture(params=list(WRITERS))
def family(request, written):
    return load_model(written(request.param, WRITERS[request.param]), device="cpu", dtype="float64")


@pytest.fixture(scope="module")
def clip(folders):
    return load_model(folders["Hugging Face CLIP"], device="cpu", dtype="float64")


def aligned(model, *pairs):
    return [align(pair, model.text) for pair in pairs]


def line(score, end, baseline=None) -> Line:
    end = torch.tensor([end], dtype=torch.float64)
    return Line(score, torch.zeros_like(end) if baseline is None else torch.tensor([baseline]).double(), end)


# Integrated gradients, by hand


def test_a_linear_score_is_shared_out_by_weight_times_distance(clip):
    # 2x - 3y from (1, 1) to (4, 2): 2 * 3 and -3 * 1
    (done,) = integrate(clip, [line(lambda x: 2 * x[:, 0] - 3 * x[:, 1], [4.0, 2.0], [1.0, 1.0])], batch=4)
    assert done.attribution.tolist() == pytest.approx([6, -3], abs=1e-6)
    assert (done.start, done.end) == (-1, 2)
    assert abs(done.delta) < 1e-6


def test_a_product_is_shared_in_halves(clip):
    # x * y from 0 to (2, 3): each gets the integral of 6 s over [0, 1]
    (done,) = integrate(clip, [line(lambda x: x[:, 0] * x[:, 1], [2.0, 3.0])], batch=4)
    assert done.attribution.tolist() == pytest.approx([3, 3], abs=1e-6)


def test_steps_are_doubled_until_a_steep_score_adds_up(clip):
    (done,) = integrate(clip, [line(lambda x: torch.tanh(200 * (x[:, 0] - 0.37)), [1.0])], batch=64, n_steps=8)
    assert done.n_steps > 8
    assert done.delta_share <= 0.01


def test_steps_end_at_the_cap_and_the_delta_says_so(clip):
    (done,) = integrate(
        clip, [line(lambda x: torch.tanh(1e5 * (x[:, 0] - 0.3701)), [1.0])], batch=64, n_steps=8, max_steps=16
    )
    assert done.n_steps == 16
    assert done.delta_share > 0.01


def test_the_share_of_no_change_is_undefined_and_asks_for_no_more_steps(clip):
    (done,) = integrate(clip, [line(lambda x: x[:, 0] - x[:, 1], [1.0, 1.0])], batch=4, n_steps=8)
    assert np.isnan(done.delta_share)
    assert done.n_steps == 8


# Tokens


def test_token_attributions_add_up_in_every_family(family):
    pairs = aligned(family, SHORT, LONG)
    images = family.encode_images([IMAGE, IMAGE])
    result = attribute_tokens(family, pairs, images)
    scores = [family.score(family.encode_texts([p.pair.affirmative, p.pair.negated]), images)[:, 0] for p in pairs]
    for row, (pair, ends) in enumerate(zip(pairs, scores, strict=True)):
        sums = np.nansum(result.token_attribution[row].values, -1)
        change = ends.numpy() - result.s_baseline[row].values
        assert result.delta_share[row].max() < 0.01
        assert sums - change == pytest.approx(result.delta[row].values, abs=1e-9)
        assert float(result.d[row]) == pytest.approx(float(ends[0] - ends[1]), abs=1e-9)
        assert sums[0] - sums[1] == pytest.approx(float(ends[0] - ends[1]), abs=0.01 * abs(float(ends[0] - ends[1])))
        words = [p for p, piece in enumerate(pair.pieces_negated) if not piece.startswith("<")]
        real = result.token_attribution[row, 1].notnull().values
        assert np.abs(result.token_attribution[row, 1].values[words]).min() > 0
        assert real.sum() == int(family.text.tokenize([pair.pair.negated]).mask.sum())
        assert np.abs(result.token_attribution[row].values[:, result.special[row].values]).max() == 0


def test_the_baseline_is_the_text_with_its_end_token_in_every_words_place(clip):
    (pair,) = aligned(clip, SHORT)
    image = clip.encode_images([IMAGE])
    tokens = clip.text.tokenize([SHORT.negated])
    start, *words, end = tokens.ids[0].tolist()
    silent = replace(tokens, ids=torch.tensor([[start, *([end] * len(words)), end]]))
    with torch.no_grad():
        expected = F.normalize(clip.text.encode(silent), dim=-1)[0] @ image[0] * clip.logit_scale
    found = attribute_tokens(clip, [pair], image)
    assert found.s_baseline.values[0] == pytest.approx([float(expected)] * 2, abs=1e-9)


def test_tokens_equal_captums_layer_integrated_gradients_on_the_librarys_embedding(clip):
    (pair,) = aligned(clip, LONG)
    image = clip.encode_images([IMAGE]).clone()
    found = attribute_tokens(clip, [pair], image, n_steps=64)

    def score(ids):
        return (
            F.normalize(clip.model.get_text_features(input_ids=ids).pooler_output, dim=-1) @ image[0] * clip.logit_scale
        )

    method = LayerIntegratedGradients(score, clip.model.text_model.embeddings)
    for form, text in enumerate((LONG.affirmative, LONG.negated)):
        ids = clip.text.tokenize([text]).ids
        silent = ids.clone()
        silent[0, 1:-1] = ids[0, -1]
        expected = method.attribute(ids, baselines=silent, n_steps=64)[0].sum(-1)
        assert found.token_attribution[0, form].values == pytest.approx(expected.detach().numpy(), abs=1e-6)


def test_a_shorter_pair_is_nan_past_its_end(clip):
    result = attribute_tokens(clip, aligned(clip, SHORT, LONG), clip.encode_images([IMAGE, IMAGE]))
    length = len(clip.text.tokenize([SHORT.negated]).ids[0])
    assert bool(result.token_attribution[0, :, length:].isnull().all())
    assert bool(result.token_attribution[1].notnull().all())
    assert result.token[0, 1].values[:3].tolist() == ["<start>", "There", "is"]


# Images


def covered_one_by_one(model, pair, pixels, window: int, stride: int) -> np.ndarray:
    """Occlusion as its definition reads: each pixel's mean fall over the windows that cover it."""
    side, texts = pixels.shape[-1], model.encode_texts([pair.pair.affirmative, pair.pair.negated])

    @torch.no_grad()
    def score(x):
        return (F.normalize(model.encode_pixels(x[None]), dim=-1) @ texts.T)[0].numpy() * model.logit_scale

    falls, times = np.zeros((2, side, side)), np.zeros((side, side))
    steps = range(0, side - window + stride, stride)
    for top in steps:
        for left in steps:
            hidden = pixels.clone()
            for channel in range(3):
                hidden[channel, top : top + window, left : left + window] = pixels[channel].mean()
            falls[:, top : top + window, left : left + window] += (score(pixels) - score(hidden))[:, None, None]
            times[top : top + window, left : left + window] += 1
    return falls / times


@pytest.mark.parametrize(("window", "stride"), [(14, 7), (10, 8), (28, 28)])
def test_occlusion_equals_covering_one_window_after_the_other(clip, window, stride):
    (pair,) = aligned(clip, SHORT)
    found = attribute_image(clip, [pair], [IMAGE], windows=Windows(14, window, stride)).image_attribution[0].values
    expected = covered_one_by_one(clip, pair, clip.preprocess(IMAGE).double(), window, stride)
    cell = np.gcd(window, stride)
    for form in range(2):
        whole = np.kron(found[form], np.ones((cell, cell)))[:28, :28]
        assert np.abs(whole - expected[form]).max() < 1e-6


def test_pixels_add_up_to_the_change_from_the_mean_image(clip):
    (pair,) = aligned(clip, SHORT)
    result = attribute_image(clip, [pair], [IMAGE], method="integrated_gradients")
    pixels = clip.preprocess(IMAGE)[None].double()
    texts = clip.encode_texts([SHORT.affirmative, SHORT.negated])
    with torch.no_grad():
        both = torch.cat([pixels, pixels.mean((2, 3), keepdim=True).expand_as(pixels)])
        seen, mean = F.normalize(clip.encode_pixels(both), dim=-1) @ texts.T * clip.logit_scale
    assert result.image_attribution.shape == (1, 2, 28, 28)
    assert result.delta_share.max() < 0.01
    sums = result.image_attribution.sum(("row", "column")).values[0]
    assert sums - (seen - mean).numpy() == pytest.approx(result.delta.values[0], abs=1e-9)
    assert result.s_baseline.values[0] == pytest.approx(mean.numpy(), abs=1e-9)
    assert float(result.d[0]) == pytest.approx(float(seen[0] - seen[1]), abs=1e-9)


def test_grad_cam_equals_its_formula_on_a_small_resnet(written):
    model = load_model(written("open_clip", write_open_clip_resnet), device="cpu", dtype="float64")
    (pair,) = aligned(model, SHORT)
    found = attribute_image(model, [pair], [IMAGE], method="grad_cam").image_attribution[0]
    net, pixels = model.model.visual, model.preprocess(IMAGE)[None].double()
    features = net.layer4(net.layer3(net.layer2(net.layer1(net.stem(pixels))))).detach().requires_grad_()
    texts = model.encode_texts([SHORT.affirmative, SHORT.negated]).clone()
    for form in range(2):
        score = F.normalize(net.attnpool(features), dim=-1)[0] @ texts[form] * model.logit_scale
        (slope,) = torch.autograd.grad(score, features)
        expected = (slope.mean((2, 3), keepdim=True) * features).sum(1)[0].detach().numpy()
        assert found[form].shape == (2, 2)
        assert np.abs(expected).max() > 1e-3
        assert found[form].values == pytest.approx(expected, abs=1e-6)


def test_another_pair_on_the_same_image_needs_no_image_encoded_again(clip, monkeypatch):
    first, second = aligned(clip, SHORT, LONG)
    covered: list[torch.Tensor] = []
    attribute_image(clip, [first], [IMAGE], covered=covered)
    plain = attribute_image(clip, [second], [IMAGE])
    monkeypatch.setattr(clip, "encode_pixels", None)
    assert attribute_image(clip, [second], [IMAGE], covered=covered).equals(plain)


@pytest.mark.parametrize(("name", "cells"), [("MedCLIP", 7), ("CXR-CLIP", 7), ("BioViL-T", 14)])
def test_grad_cam_reads_the_last_feature_map_of_every_resnet(written, name, cells):
    model = load_model(written(name, RESNETS[name]), device="cpu", dtype="float32")
    found = attribute_image(model, aligned(model, SHORT), [IMAGE], method="grad_cam").image_attribution[0]
    assert found.shape == (2, cells, cells)
    assert float(found.std()) > 0


def test_grad_cam_does_not_see_the_images_of_another_session(written):
    model = load_model(written("open_clip", write_open_clip_resnet), device="cpu", dtype="float64")
    stage, seen = grad_cam.last_stage(model), []
    x = torch.zeros(1, 64, 2, 2).double()
    with grad_cam._tapped(stage) as tap:
        tap.register_forward_hook(lambda *_: seen.append(threading.current_thread().name))
        other = threading.Thread(target=lambda: stage(x), name="another session")
        other.start()
        other.join()
        stage(x)
    stage(x)
    assert seen == [threading.main_thread().name]


def test_what_progress_raises_ends_the_work(clip):
    class Cancelled(Exception):
        pass

    done = []

    def cancel(count: int) -> None:
        done.append(count)
        raise Cancelled

    for method in ("occlusion", "integrated_gradients"):
        with pytest.raises(Cancelled):
            attribute_image(clip, aligned(clip, SHORT), [IMAGE], method=method, progress=cancel)
    assert len(done) == 2


@pytest.mark.parametrize("method", ["occlusion", "integrated_gradients"])
def test_progress_counts_the_images_it_was_said_to(clip, method):
    done = []
    attribute_image(clip, aligned(clip, SHORT), [IMAGE], method=method, progress=done.append)
    assert sum(done) == evaluations(clip, method)


# Where on the image


def place(name: str, across: float, down: float, left: float, top: float):
    return pytest.param(name, (across, down, left, top), id=name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [  # an image of 300 x 200 px
        place("CLIP", 300 / 42, 200 / 28, 7 * 300 / 42, 0),  # shorter side to 28, the middle 28 of 42
        place("SigLIP", 300 / 28, 200 / 28, 0, 0),  # squashed to a square
        place("MedCLIP", 300 / 32, 300 / 32, 0, -50),  # padded to a square, 50 px above and below
        place("BioViL-T", 300 / 768, 200 / 512, 160 * 300 / 768, 32 * 200 / 512),  # to 512, then the middle 448
    ],
)
def test_a_preprocessed_pixel_is_found_again_on_the_image(written, name, expected):
    model = load_model(written(name, {**WRITERS, **{"BioViL-T": RESNETS["BioViL-T"]}}[name]), device="cpu")
    view = field_of_view(model, (300, 200))
    across, down, left, top = expected
    side = model.image_size
    for x in (0, side / 2, side):  # to a tenth of a preprocessed pixel, anywhere
        assert view.left + x * view.across == pytest.approx(left + x * across, abs=0.1 * across)
        assert view.top + x * view.down == pytest.approx(top + x * down, abs=0.1 * down)


@pytest.mark.parametrize("name", ["CLIP", "SigLIP", "MedCLIP"])
def test_attributions_lie_over_a_bright_square_whose_place_is_known(written, monkeypatch, name):
    model = load_model(written(name, WRITERS[name]), device="cpu", dtype="float64")
    canvas = np.full((200, 300), 90, np.uint8)
    canvas[60:110, 150:210] = 250  # rows 60 to 110, columns 150 to 210

    def brightness(pixels):
        """An image tower that sees only how much is bright: its vector turns with it."""
        bright = (pixels - pixels.amax() + 1.0).clamp(min=0).sum((1, 2, 3))[:, None] / 100
        return F.pad(torch.cat([bright, torch.ones_like(bright)], 1), (0, model.text.dim - 2))

    monkeypatch.setattr(model, "encode_pixels", brightness)
    result = attribute_image(model, aligned(model, SHORT), [Image.fromarray(canvas)], windows=Windows(1, 1, 1)).isel(
        pair=0
    )
    strength = np.abs(result.image_attribution[0].values)
    rows, columns = np.nonzero(strength > 0.5 * strength.max())
    down, across = float(result.bottom[0] - result.top[0]), float(result.right[0] - result.left[0])
    found = [result.top[rows.min()], result.bottom[rows.max()], result.left[columns.min()], result.right[columns.max()]]
    for value, edge, cell in zip(found, (60, 110, 150, 210), (down, down, across, across), strict=True):
        assert abs(float(value) - edge) < cell  # one preprocessed pixel


# Windows


def test_windows_are_two_patches_wide_and_leave_9_to_16_cells_a_side():
    demo = load_model("demo", device="cpu")  # 112 px in patches of 14
    assert windows_of(demo) == Windows(patch=14, window=28, stride=7)
    assert windows_of(demo).count(112) == 13 * 13
    assert windows_of(demo, 1, 1).count(112) == 8 * 8


def test_windows_that_leave_gaps_or_exceed_the_image_are_refused(clip):
    for window, stride in ((1, 2), (3, 1), (0.01, 0.01)):
        with pytest.raises(AttributionError, match="does not cover an image of 28 px"):
            windows_of(clip, window, stride)


# Refused in words


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_is_refused_with_the_way_out(folders, precision):
    model = load_model(folders["Hugging Face CLIP"], device="cpu", dtype=precision)
    with pytest.raises(AttributionError, match=f"loaded in {precision}.*load it in float32"):
        attribute_tokens(model, aligned(model, SHORT), torch.zeros(1, 16))
    with pytest.raises(AttributionError, match="load it in float32"):
        attribute_image(model, aligned(model, SHORT), [IMAGE])


def test_grad_cam_on_a_transformer_names_the_methods_that_work(clip):
    with pytest.raises(AttributionError, match=r"\(ViT.*\); occlusion and integrated gradients work on it"):
        attribute_image(clip, aligned(clip, SHORT), [IMAGE], method="grad_cam")


def test_an_image_tower_without_gradients_is_sent_to_occlusion(clip, monkeypatch):
    monkeypatch.setattr(clip, "encode_pixels", torch.no_grad()(clip.encode_pixels))
    with pytest.raises(AttributionError, match=r"gradients do not reach.*occlusion needs none"):
        attribute_image(clip, aligned(clip, SHORT), [IMAGE], method="integrated_gradients")
    assert float(attribute_image(clip, aligned(clip, SHORT), [IMAGE]).image_attribution.std()) > 0


def test_a_text_tower_without_gradients_is_sent_to_tracing(clip, monkeypatch):
    monkeypatch.setattr(clip.text, "finish", torch.no_grad()(clip.text.finish))
    with pytest.raises(AttributionError, match=r"gradients do not reach.*causal tracing"):
        attribute_tokens(clip, aligned(clip, SHORT), clip.encode_images([IMAGE]))


def test_patches_that_are_no_picture_are_refused_and_tokens_still_work(written):
    model = load_model(written("NaFlex", siglip.write_naflex), device="cpu")
    for method in METHODS:
        with pytest.raises(AttributionError, match=r"no picture.*token attributions work"):
            attribute_image(model, aligned(model, SHORT), [IMAGE], method=method)
    assert attribute_tokens(model, aligned(model, SHORT), model.encode_images([IMAGE])).delta_share.max() < 0.01


def test_one_image_a_pair_is_needed(clip):
    with pytest.raises(PairError, match="got 1 pairs and 0 images"):
        attribute_image(clip, aligned(clip, SHORT), [])
    with pytest.raises(PairError, match="got 0 pairs and 1 images"):
        attribute_tokens(clip, [], clip.encode_images([IMAGE]))


# nast attribute


def nast_attribute(*words: object, code: int = 0):
    result = CliRunner().invoke(attribute_command.app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == code, result.output
    return result


TEXTS = ("--affirmative", SHORT.affirmative, "--negated", SHORT.negated, "--image", "phantom:1000011")


@pytest.mark.parametrize("method", ["tokens", "occlusion", "integrated_gradients"])
def test_the_command_writes_what_it_prints(folders, tmp_path, method):
    out = tmp_path / "deep" / "a.nc"
    said = nast_attribute(
        "--model", folders["open_clip"], *TEXTS, "--method", method, "--device", "cpu", "--out", out
    ).stdout
    with xr.open_dataset(out, engine="h5netcdf") as kept:
        assert kept.image.item() == "phantom:1000011"
        assert kept.attrs["method"] == method
        assert f"{float(kept.s_negated[0]):.3f}" in said
        name = "token_attribution" if method == "tokens" else "image_attribution"
        assert kept[name].attrs["units"].startswith("logits")
        if "delta" in kept:
            assert f"{float(kept.delta[0, 1]):+.1e}" in said
    assert SHORT.negated in said


def test_the_command_takes_a_file_of_pairs_with_their_own_images(folders, tmp_path):
    IMAGE.save(tmp_path / "chest.png")
    lines = [SHORT.model_copy(update={"image": "chest.png"}), LONG.model_copy(update={"image": "phantom:1000005"})]
    (tmp_path / "pairs.jsonl").write_text("\n".join(pair.model_dump_json() for pair in lines))
    out = tmp_path / "a.nc"
    nast_attribute(
        "--model", folders["open_clip"], "--pairs", tmp_path / "pairs.jsonl", "--method", "occlusion", "--out", out
    )
    with xr.open_dataset(out, engine="h5netcdf") as kept:
        assert kept.image.values.tolist() == ["chest.png", "phantom:1000005"]
        assert kept.image_width.values.tolist() == [60, 28]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "give two texts"),
        (("--affirmative", "There is some edema."), "give two texts"),
        ((*TEXTS, "--pairs", "pairs.jsonl"), "there is no file pairs.jsonl"),
        (("--affirmative", "edema", "--negated", "no edema"), "equally many tokens"),
        ((*TEXTS, "--method", "grad_cam"), "occlusion and integrated gradients work"),
        ((*TEXTS, "--method", "occlusion", "--window", "3"), "does not cover"),
        ((*TEXTS, "--precision", "bfloat16"), "load it in float32"),
        ((*TEXTS[:4], "--image", "no.png"), "there is no file no.png"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_file(folders, tmp_path, words, expected):
    out = tmp_path / "a.nc"
    said = nast_attribute("--model", folders["open_clip"], *words, "--out", out, code=2).stderr.splitlines()
    assert said[-1].startswith("nast: ")
    assert expected in said[-1]
    assert not out.exists()
