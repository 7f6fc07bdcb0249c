"""BiomedCLIP and UniMed-CLIP: open_clip with a BERT text tower, against open_clip's own calls, and refused in words."""

import json
import shutil
import socket
from pathlib import Path

import huggingface_hub.constants
import open_clip
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from nast_core import load_model
from nast_core.data.drawing import render
from nast_core.data.phantom import sample_phantom
from nast_core.errors import ModelError, TextError
from nast_core.negation.pairs import align
from tests.families.checks import SHORT, TEXTS, passes_every_check
from tests.writers.open_clip_bert import BERT, CONTEXT, WEIGHTS, write, write_roberta, write_unimed

ODD = [*TEXTS, "  NO\todd   Edema &amp; œdème ", "x" * 20, "5 µm 日本"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("biomedclip") / "model")


@pytest.fixture(scope="module")
def model(folder):
    return load_model(folder, device="cpu", dtype="float64")


@pytest.fixture(scope="module")
def library(folder):
    """(model, image transform, tokenizer) as open_clip makes them."""
    return made_by_open_clip(folder)


@pytest.fixture
def copied(folder, tmp_path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copied"))


def made_by_open_clip(folder: Path, **options):
    name = f"local-dir:{folder}"
    text = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]["text_cfg"]
    text |= {"hf_model_name": str(folder), "hf_model_pretrained": False}
    model, _, transform = open_clip.create_model_and_transforms(name, text_cfg=text, **options)
    return model.double().eval(), transform, open_clip.get_tokenizer(name)


@torch.inference_mode()
def equals_open_clip(folder: Path) -> None:
    ours = load_model(folder, device="cpu", dtype="float64").text
    theirs, _, tokenizer = made_by_open_clip(folder)
    for texts in (*([text] for text in ODD), ODD):
        assert (ours.encode(ours.tokenize(texts)) - theirs.encode_text(tokenizer(texts))).abs().max() <= 1e-9


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(folder, device="cpu")
    message = str(caught.value)
    assert "\n" not in message
    return message


def edit(path: Path, change) -> None:
    held = json.loads(path.read_text())
    change(held)
    path.write_text(json.dumps(held))


def edit_text(folder: Path, **values: object) -> None:
    edit(folder / "open_clip_config.json", lambda held: held["model_cfg"]["text_cfg"].update(values))


def test_biomedclip_passes_every_check(folder, tmp_path):
    passes_every_check(folder, tmp_path)


def test_unimed_clip_passes_every_check(tmp_path):
    passes_every_check(write_unimed(tmp_path / "model"), tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"hf_pooler_type": "cls_pooler", "hf_proj_type": "linear"},
        {"hf_pooler_type": "mean_pooler"},
        {"hf_proj_type": None, "embed_dim": 32},
    ],
)
def test_other_poolers_and_projections_pass_every_check_and_equal_open_clip(tmp_path, options):
    folder = write(tmp_path / "model", **options)
    passes_every_check(folder, tmp_path)
    equals_open_clip(folder)


def test_a_roberta_with_its_mean_pooler_passes_every_check_and_equals_open_clip(tmp_path):
    folder = write_roberta(tmp_path / "model")
    passes_every_check(folder, tmp_path)
    equals_open_clip(folder)


@torch.inference_mode()
def test_ids_and_embeddings_equal_open_clips_alone_together_and_padded(model, library):
    theirs, _, tokenizer = library
    full = tokenizer(ODD)
    assert full.shape == (len(ODD), CONTEXT)
    expected = theirs.encode_text(full)
    for row, text in enumerate(ODD):
        tokens = model.text.tokenize([text])
        assert tokens.ids[0].tolist() == [i for i in full[row].tolist() if i]
        assert (model.text.encode(tokens)[0] - expected[row]).abs().max() <= 1e-9
    for pad_to in (None, 60, CONTEXT):
        tokens = model.text.tokenize(ODD, pad_to=pad_to)
        assert (model.text.encode(tokens) - expected).abs().max() <= 1e-9
    assert torch.equal(tokens.ids, full)


@torch.inference_mode()
def test_images_and_scores_equal_open_clips(model, library):
    theirs, transform, tokenizer = library
    picture = Image.fromarray(render(sample_phantom(3), 200))
    pixels = transform(picture.convert("RGB"))[None].double()
    assert (model.encode_images([picture]) - theirs.encode_image(pixels, normalize=True)).abs().max() <= 1e-9
    expected, _ = theirs.get_logits(pixels, tokenizer(TEXTS))
    found = model.score(model.encode_texts(TEXTS), model.encode_images([picture]))
    assert (found.T - expected).abs().max() <= 1e-9


@torch.inference_mode()
def test_states_and_attention_equal_berts_own_in_a_padded_batch(model, library):
    tokens = model.text.tokenize(TEXTS)
    assert not bool(tokens.mask.all())
    bert = library[0].text.transformer
    bert.set_attn_implementation("eager")
    seen = {"output_hidden_states": True, "output_attentions": True}
    found = bert(input_ids=tokens.ids, attention_mask=tokens.mask.long(), **seen)
    bert.set_attn_implementation("sdpa")
    real = tokens.mask[None, :, :, None]
    assert ((model.text.states(tokens) - torch.stack(found.hidden_states)) * real).abs().max() <= 1e-9
    weights = torch.stack(list(model.text.attention(tokens)))
    assert ((weights - torch.stack(found.attentions)) * real[:, :, None]).abs().max() <= 1e-9
    assert float((weights * ~tokens.mask[None, :, None, None]).abs().max()) == 0


def test_the_first_token_is_pooled_and_the_negator_is_a_word(model):
    pair = align(SHORT, model.text)
    assert pair.pieces_negated == ("<start>", "There", "is", "no", "edema", ".", "<end>")
    assert pair.roles == ("pooled", "before", "before", "negator", "finding first", "punctuation", "end")


def test_the_context_is_the_tokenizers_and_not_how_far_bert_could_read(model):
    assert model.model.context_length == 512
    assert model.text.tokenize(["x " * (CONTEXT - 2)]).ids.shape[1] == CONTEXT
    with pytest.raises(TextError, match=f"has {CONTEXT + 1} tokens and the model reads at most {CONTEXT}"):
        model.text.tokenize(["x " * (CONTEXT - 1)])


def test_a_padding_token_inside_a_text_is_refused_since_the_model_would_skip_it(model):
    with pytest.raises(TextError, match=r"has '\[PAD\]' in it"):
        model.text.tokenize(["no [PAD] edema"])


def test_the_report_says_where_berts_config_was_found(model, folder):
    assert model.report.rows["BERT's config"] == str(folder / "config.json")
    assert model.report.rows["Context"] == f"{CONTEXT} tokens"


@torch.inference_mode()
def test_unimeds_own_weights_file_equals_open_clip_once_its_names_are_changed(tmp_path):
    folder = write_unimed(tmp_path / "model")
    model = load_model(folder, device="cpu", dtype="float64")
    assert model.report.rows["Weights file"] == "unimed_clip_vit_b16.pt"
    held = torch.load(folder / "unimed_clip_vit_b16.pt", weights_only=True)["state_dict"]
    renamed = {key.removeprefix("module.").replace("text_encoder.", "text."): value for key, value in held.items()}
    theirs, transform, tokenizer = made_by_open_clip(folder, load_weights=False)
    del renamed["text.transformer.embeddings.position_ids"]
    theirs.load_state_dict(renamed)
    theirs = theirs.double()
    assert (model.text.encode(model.text.tokenize(ODD)) - theirs.encode_text(tokenizer(ODD))).abs().max() <= 1e-9
    picture = Image.fromarray(render(sample_phantom(3), 200)).convert("RGB")
    expected = F.normalize(theirs.encode_image(transform(picture)[None].double()), dim=-1)
    assert (model.encode_images([picture]) - expected).abs().max() <= 1e-9


def test_unimeds_weights_are_known_by_their_keys_and_warn_where_the_config_lacks_quick_gelu(tmp_path):
    folder = write_unimed(tmp_path / "model")
    assert load_model(folder, device="cpu").report.warnings == ()
    (folder / "unimed_clip_vit_b16.pt").rename(folder / WEIGHTS)
    edit(folder / "open_clip_config.json", lambda held: held["model_cfg"].update(quick_gelu=False))
    (warning,) = load_model(folder, device="cpu").report.warnings
    assert "UniMed-CLIP's weights need quick_gelu" in warning


def test_a_folder_that_has_all_it_needs_is_loaded_without_reaching_for_the_network(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *where, **_: asked.append(where))
    monkeypatch.setattr(socket.socket, "connect", lambda _self, where: asked.append(where))
    load_model(folder, device="cpu")
    assert asked == []


def test_berts_config_may_come_from_the_hugging_face_cache(copied, tmp_path, monkeypatch, model):
    repo, commit = tmp_path / "hub" / f"models--{BERT.replace('/', '--')}", "0" * 40
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(commit)
    (repo / "snapshots" / commit).mkdir(parents=True)
    shutil.move(copied / "config.json", repo / "snapshots" / commit / "config.json")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    found = load_model(copied, device="cpu")
    assert found.fingerprint == model.fingerprint
    assert found.report.rows["BERT's config"] == str(repo / "snapshots" / commit / "config.json")


def test_without_berts_config_the_file_and_its_place_are_named(copied):
    (copied / "config.json").unlink()
    message = refusal(copied)
    assert message.startswith(f"{copied} does not have the config of its text encoder; copy config.json of {BERT}")
    assert message.endswith("into it")


def test_a_config_of_another_kind_of_text_encoder_is_refused_with_its_kind(copied):
    edit(copied / "config.json", lambda held: held.update(model_type="distilbert"))
    assert "is of model type 'distilbert'); copy config.json of" in refusal(copied)


def test_a_folder_without_weights_is_refused(copied):
    (copied / WEIGHTS).unlink()
    assert refusal(copied).startswith(f"{copied} has no weights; put one of open_clip_model.safetensors, ")


def test_missing_and_misshapen_weights_are_refused_by_name(copied):
    held, key = torch.load(copied / WEIGHTS, weights_only=True), "text.transformer.encoder.layer.0.output.dense.bias"
    torch.save({**held, key: torch.ones(24)}, copied / WEIGHTS)
    message = refusal(copied)
    assert message.index(key) < message.index("24") < message.index("32")
    torch.save({name: value for name, value in held.items() if name != key}, copied / WEIGHTS)
    assert key in refusal(copied)


def test_weights_of_another_bert_than_the_config_are_refused_with_both_shapes(copied):
    edit(copied / "config.json", lambda held: held.update(vocab_size=500))
    message = refusal(copied)
    rows = len((copied / "vocab.txt").read_text().split())
    assert f"[{rows}, 32]" in message
    assert "[500, 32]" in message


def test_a_folder_without_a_tokenizer_is_refused_rather_than_read_with_an_empty_vocabulary(copied):
    (copied / "vocab.txt").unlink()
    assert refusal(copied).startswith(f"{copied} has no tokenizer; copy the text encoder's into it")


def test_a_config_without_a_tokenizers_name_is_refused_since_open_clip_would_take_clips(copied):
    edit_text(copied, hf_tokenizer_name="")
    assert "has no hf_tokenizer_name, so open_clip would read texts with CLIP's vocabulary" in refusal(copied)


def test_a_tokenizer_that_pads_with_another_token_than_bert_skips_is_refused_with_both_ids(copied):
    edit(copied / "tokenizer_config.json", lambda held: held.update(pad_token="[MASK]"))
    assert "pads with id 4 and the text tower takes id 0 for padding" in refusal(copied)


def test_a_tokenizer_with_more_tokens_than_bert_embeds_is_refused_with_both_numbers(copied):
    path = copied / "vocab.txt"
    rows = len(path.read_text().split())
    path.write_text(path.read_text() + "one\nmore\n")
    assert f"has {rows + 2} tokens and the model embeds only {rows}" in refusal(copied)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ({"hf_pooler_type": "max_pooler"}, "has hf_pooler_type 'max_pooler'; known are cls_last_hidden_state_pooler"),
        ({"tokenizer_kwargs": {"strip_sep_token": True}}, "has a tokenizer_mode, strip_sep_token or reduction_mask"),
        ({"tokenizer_mode": "clips"}, "has a tokenizer_mode, strip_sep_token or reduction_mask"),
        ({"context_length": "long"}, "has context_length 'long', and its text encoder reads at most 512 tokens"),
        ({"context_length": 513}, "has context_length 513, and its text encoder reads at most 512 tokens"),
    ],
)
def test_ways_of_reading_that_cannot_be_traced_are_refused(copied, text, said):
    edit_text(copied, **text)
    assert said in refusal(copied)


def test_a_text_tower_that_nothing_joins_to_the_images_is_refused(copied):
    edit_text(copied, hf_proj_type="none")
    held = torch.load(copied / WEIGHTS, weights_only=True)
    torch.save({key: value for key, value in held.items() if "text.proj" not in key}, copied / WEIGHTS)
    assert "has hf_proj_type 'none' and towers of two widths" in refusal(copied)


def test_a_coca_with_a_hugging_face_text_tower_is_refused(copied):
    edit(copied / "open_clip_config.json", lambda held: held["model_cfg"].update(multimodal_cfg={}))
    assert "is of a CoCa with a Hugging Face text tower, which cannot be loaded" in refusal(copied)
