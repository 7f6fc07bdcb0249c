"""open_clip's own text tower as SigLIP and CoCa have it, against open_clip's own calls, and refused in words."""

import json
import shutil
from pathlib import Path

import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from nast_core import load_model
from nast_core.data.drawing import render
from nast_core.data.phantom import sample_phantom
from nast_core.errors import ModelError, TextError
from nast_core.interpret.attention import attention_patterns
from nast_core.negation.pairs import align
from tests.checkpoints import write_open_clip
from tests.families.checks import SHORT, TEXTS, passes_every_check
from tests.writers import open_clip_coca, open_clip_siglip

WRITERS = {"SigLIP": open_clip_siglip, "CoCa": open_clip_coca}
FULL = " ".join(["edema"] * 22) + " no"  # with its end token the whole of SigLIP's context
ODD = [*TEXTS, "  NO\todd   Edema &amp; œdème!!", FULL]


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    return {name: module.write(tmp_path_factory.mktemp(name) / "model") for name, module in WRITERS.items()}


@pytest.fixture(scope="module", params=list(WRITERS))
def both(request, folders):
    """(our model, open_clip's model, its image transform, its tokenizer), in float64."""
    folder = folders[request.param]
    return load_model(folder, device="cpu", dtype="float64"), *made_by_open_clip(folder)


@pytest.fixture(scope="module")
def siglip(folders):
    return load_model(folders["SigLIP"], device="cpu", dtype="float64")


@pytest.fixture(scope="module")
def coca(folders):
    return load_model(folders["CoCa"], device="cpu", dtype="float64"), *made_by_open_clip(folders["CoCa"])


@pytest.fixture
def copied(folders, tmp_path):
    return lambda name: Path(shutil.copytree(folders[name], tmp_path / name))


def made_by_open_clip(folder: Path, **options):
    name = f"local-dir:{folder}"
    model, _, transform = open_clip.create_model_and_transforms(name, require_pretrained=True, **options)
    return model.double().eval(), transform, open_clip.get_tokenizer(name)


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(folder, device="cpu")
    message = str(caught.value)
    assert "\n" not in message
    return message


def edit_model(folder: Path, **values: object) -> None:
    """Changes text_cfg, or what lies beside it where the config has such a key."""
    path = folder / "open_clip_config.json"
    held = json.loads(path.read_text())
    for key, value in values.items():
        (held["model_cfg"] if key in ("custom_text", "quick_gelu") else held["model_cfg"]["text_cfg"])[key] = value
    path.write_text(json.dumps(held))


def seen(model, ids) -> tuple[torch.Tensor, torch.Tensor]:
    """(states, attention) of open_clip's text tower, by hooks: [layer, text, position, width], [.., head, query,
    key]."""
    states, weights, hooks = [], [], []
    blocks = model.text.transformer.resblocks
    for block in blocks:
        ask = {"need_weights": True, "average_attn_weights": False}
        hooks.append(
            block.attn.register_forward_pre_hook(lambda _m, a, k, ask=ask: (a, {**k, **ask}), with_kwargs=True)
        )
        hooks.append(block.attn.register_forward_hook(lambda _m, _a, out: weights.append(out[1])))
        hooks.append(block.register_forward_pre_hook(lambda _m, args: states.append(args[0])))
    hooks.append(blocks[-1].register_forward_hook(lambda _m, _a, out: states.append(out)))
    model.encode_text(ids)
    for hook in hooks:
        hook.remove()
    return torch.stack(states), torch.stack(weights)


@pytest.mark.parametrize("name", list(WRITERS))
def test_family_passes_every_check(folders, name, tmp_path):
    passes_every_check(folders[name], tmp_path)


@torch.inference_mode()
def test_embeddings_equal_open_clips_alone_together_and_padded(both):
    model, theirs, _, tokenizer = both
    expected = theirs.encode_text(tokenizer(ODD), normalize=False)
    for row, text in enumerate(ODD):
        assert (model.text.encode(model.text.tokenize([text]))[0] - expected[row]).abs().max() <= 1e-9
    for pad_to in (None, 28, 60):
        tokens = model.text.tokenize(ODD, pad_to=pad_to)
        assert (model.text.encode(tokens) - expected).abs().max() <= 1e-9
        assert (model.text.library_embedding(tokens) - expected).abs().max() <= 1e-9


@torch.inference_mode()
def test_images_and_scores_equal_open_clips(both):
    model, theirs, transform, tokenizer = both
    picture = Image.fromarray(render(sample_phantom(3), 200))
    pixels = transform(picture.convert("RGB"))[None].double()
    image = theirs.encode_image(pixels, normalize=True)
    assert (model.encode_images([picture]) - image).abs().max() <= 1e-9
    assert (model.encode_pixels(pixels).norm(dim=-1) - 1).abs() > 1e-3  # not normalised
    bias = 0 if theirs.logit_bias is None else theirs.logit_bias
    expected = theirs.logit_scale.exp() * theirs.encode_text(tokenizer(TEXTS), normalize=True) @ image.T + bias
    found = model.score(model.encode_texts(TEXTS), model.encode_images([picture]))
    assert (found - expected).abs().max() <= 1e-9


@torch.inference_mode()
def test_siglips_states_and_attention_equal_open_clips_over_the_whole_context(siglip, folders):
    theirs, _, tokenizer = made_by_open_clip(folders["SigLIP"])
    tokens = siglip.text.tokenize(ODD)
    assert torch.equal(tokens.ids, tokenizer(ODD))
    states, weights = seen(theirs, tokens.ids)
    assert (siglip.text.states(tokens) - states).abs().max() <= 1e-9
    assert (torch.stack(list(siglip.text.attention(tokens))) - weights).abs().max() <= 1e-9


def test_siglip_is_bidirectional_reads_padding_and_pools_the_last_position(siglip):
    tower, last = siglip.text, open_clip_siglip.CONTEXT - 1
    tokens = tower.tokenize(["no edema", FULL])
    assert (tower.causal, tower.padding, tower.attention_mask(tokens)) == (False, "fixed", None)
    assert tokens.pooled.tolist() == [last, last]
    assert tokens.mask.sum(-1).tolist() == [3, last + 1]
    pair = align(SHORT, tower)
    assert pair.pieces_negated[:6] == ("there", "is", "no", "edema", "<end>", "<pad>")
    assert pair.roles == ("before", "before", "negator", "finding first", "end", *["padding"] * (last - 5), "pooled")
    assert pair.positions == (0, 1, 2, 3, 4, last)


def test_siglip_reads_texts_without_case_and_punctuation_and_has_a_bias(siglip):
    tokens = siglip.text.tokenize(["There is NO edema!"])
    assert tokens.texts == ("there is no edema",)
    assert torch.equal(tokens.ids, siglip.text.tokenize(["there is no edema"]).ids)
    assert siglip.logit_bias == -10
    assert siglip.report.rows["Tokenizer"].startswith("TokenizersBackend, ")
    with pytest.raises(TextError, match="the text is empty"):
        siglip.text.tokenize(["..."])
    with pytest.raises(TextError, match="has 25 tokens and the model reads at most 24"):
        siglip.text.tokenize([f"{FULL} edema"])


@torch.inference_mode()
def test_a_pattern_is_cut_to_the_words_and_the_pooled_position(siglip, coca):
    for model in (siglip, coca[0]):
        pair = align(SHORT, model.text)
        (pattern,) = attention_patterns(model, [SHORT.negated])
        assert pattern.shape[2:] == (len(pair.positions), len(pair.positions))
        whole = torch.stack(list(model.text.attention(model.text.tokenize([SHORT.negated]))))[:, 0].numpy()
        assert (pattern[:, :, -1, 0] == whole[:, :, pair.pooled, pair.positions[0]]).all()


@torch.inference_mode()
@pytest.mark.parametrize("texts", [TEXTS, ["¡no!µ edema", "edema"], ["a " * 73, "a " * 74, "no edema"]])
def test_cocas_states_and_attention_equal_open_clips_where_ours_has_fewer_padding_tokens(coca, texts):
    model, theirs, _, tokenizer = coca
    tokens, full = model.text.tokenize(texts), tokenizer(texts)
    width = tokens.ids.shape[1] - 1
    assert torch.equal(tokens.ids[:, :-1], full[:, :width])
    at = torch.tensor([*range(width), open_clip_coca.CONTEXT])
    states, weights = seen(theirs, full)
    assert (model.text.states(tokens) - states[:, :, at]).abs().max() <= 1e-9
    ours = torch.stack(list(model.text.attention(tokens)))
    assert (ours - weights[..., at[:, None], at]).abs().max() <= 1e-9


def test_cocas_class_token_stands_last_after_one_padding_token_and_is_pooled(coca):
    model, tower = coca[0], coca[0].text
    pair = align(SHORT, tower)
    assert pair.pieces_negated == ("<start>", "there", "is", "no", "ede", "ma", ".", "<end>", "<pad>", "<class>")
    assert pair.roles[-3:] == ("end", "padding", "pooled")
    tokens = tower.tokenize(["no edema", "a " * 74])
    assert tokens.pooled.tolist() == [76, 76]
    assert int(tokens.ids[0, -1]) == model.model.text.vocab_size  # no text has that id
    seen_by_class = tower.attention_mask(tower.tokenize(["no edema"]))[0, 0, -1].tolist()
    assert seen_by_class == [True] * 6 + [False]  # five tokens and one padding token, but not itself: open_clip's mask
    with pytest.raises(TextError, match="has 77 tokens and the model reads at most 76"):
        tower.tokenize(["a " * 75])


@torch.inference_mode()
def test_cocas_own_default_is_our_embedding_at_length_one(coca):
    model, theirs, _, tokenizer = coca
    ours = model.text.encode(model.text.tokenize(TEXTS))
    assert (theirs.encode_text(tokenizer(TEXTS)) - F.normalize(ours, dim=-1)).abs().max() <= 1e-9
    assert (ours.norm(dim=-1) - 1).abs().min() > 1e-3


@pytest.mark.parametrize("pool", ["eos", "first", "last"])
@torch.inference_mode()
def test_other_pooling_and_masks_equal_open_clip(tmp_path, pool):
    causal = pool != "first"
    folder = open_clip_siglip.write(tmp_path / "model", pool_type=pool, no_causal_mask=not causal, eos_id=1)
    theirs, _, tokenizer = made_by_open_clip(folder)
    tower = load_model(folder, device="cpu", dtype="float64").text
    assert (tower.causal, tower.padding) == (causal, "ignored" if pool == "eos" else "fixed")
    assert (tower.encode(tower.tokenize(ODD)) - theirs.encode_text(tokenizer(ODD))).abs().max() <= 1e-9


def test_a_causal_tower_pooled_at_its_end_token_passes_every_check(tmp_path):
    passes_every_check(
        open_clip_siglip.write(tmp_path / "model", pool_type="eos", no_causal_mask=False, eos_id=1), tmp_path
    )


def test_a_plain_clip_under_the_name_of_a_custom_one_gives_the_same_embeddings(tmp_path):
    folder = write_open_clip(tmp_path / "model")
    plain = load_model(folder, device="cpu", dtype="float64")
    edit_model(folder, custom_text=True)
    custom = load_model(folder, device="cpu", dtype="float64")
    assert (plain.card.family, custom.card.family) == ("open_clip", "open_clip custom text")
    assert (plain.encode_texts(ODD) - custom.encode_texts(ODD)).abs().max() <= 1e-12
    passes_every_check(folder, tmp_path)


@pytest.mark.parametrize("name", list(WRITERS))
def test_a_folder_without_weights_is_refused(copied, name):
    folder = copied(name)
    (folder / WRITERS[name].WEIGHTS).unlink()
    assert refusal(folder).startswith(f"{folder} has no weights; put one of open_clip_model.safetensors, ")


def test_missing_and_misshapen_weights_are_refused_by_name(copied):
    folder = copied("SigLIP")
    path, key = folder / open_clip_siglip.WEIGHTS, "text.transformer.resblocks.1.ln_2.bias"
    held = load_file(path)
    save_file({**held, key: torch.ones(24)}, path, {"format": "pt"})
    message = refusal(folder)
    assert message.index(key) < message.index("24") < message.index("32")
    save_file({name: value for name, value in held.items() if name != key}, path, {"format": "pt"})
    assert key in refusal(folder)


@pytest.mark.parametrize(("name", "rows"), [("SigLIP", 24), ("CoCa", 77)])
def test_a_position_table_that_open_clip_would_stretch_in_silence_is_refused(copied, name, rows):
    folder = copied(name)
    edit_model(folder, context_length=20)
    expected = 20 + (name == "CoCa")
    assert f"'text.positional_embedding': found ({rows}, 32), expected ({expected}, 32)" in refusal(folder)


def test_a_siglip_without_tokenizer_files_is_refused(copied):
    folder = copied("SigLIP")
    (folder / "tokenizer.json").unlink()
    assert refusal(folder).startswith(f"{folder} has no tokenizer; copy the text encoder's into it")


def test_a_siglip_whose_config_names_no_tokenizer_is_refused_since_open_clip_would_take_clips(copied):
    folder = copied("SigLIP")
    edit_model(folder, hf_tokenizer_name="", tokenizer_kwargs={})
    message = refusal(folder)
    assert "open_clip's own tokenizer has 49408" in message
    assert message.endswith("give text_cfg in open_clip_config.json a hf_tokenizer_name")


def test_a_tokenizer_that_is_cut_off_is_refused(copied):
    folder = copied("SigLIP")
    path = folder / "tokenizer.json"
    path.write_bytes(path.read_bytes()[:200])
    assert refusal(folder).startswith(f"the tokenizer in {folder} does not load, so copy the one")


def test_attention_blocks_that_cannot_be_taken_apart_and_texts_without_one_embedding_are_refused(tmp_path, copied):
    folder = copied("SigLIP")
    edit_model(folder, block_type="custom")
    text = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]
    text.pop("custom_text")
    state = open_clip.CustomTextCLIP(**text).state_dict()
    save_file(state, folder / open_clip_siglip.WEIGHTS, {"format": "pt"})
    assert "asks for open_clip's custom attention blocks" in refusal(folder)
    assert "has pool_type 'none'" in refusal(open_clip_siglip.write(tmp_path / "unpooled", pool_type="none"))
