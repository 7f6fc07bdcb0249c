"""SigLIP: padding that is read, tokens without sentencepiece, NaFlex images, and folders that must not load."""

import io
import shutil
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer, Siglip2Model, SiglipModel

from nast_core import load_model
from nast_core.data.drawing import render
from nast_core.data.phantom import sample_phantom
from nast_core.errors import TextError
from nast_core.models.siglip_tokens import canonical
from tests.families.checks import TEXTS, passes_every_check
from tests.families.refusals import edit, refused
from tests.writers.sentences import sentences
from tests.writers.siglip import CONTEXT, write, write_model, write_naflex, write_tokenizer

WRITERS = {"siglip": write, "naflex": write_naflex}
LIBRARY = {"siglip": SiglipModel, "naflex": Siglip2Model}
IMAGES = [
    Image.fromarray(render(sample_phantom(seed), 90)).convert("RGB").resize(size)
    for seed, size in enumerate([(90, 90), (120, 40), (30, 100)], 1)
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("siglip")
    return {name: writer(base / name) for name, writer in WRITERS.items()}


@pytest.fixture(params=list(WRITERS))
def name(request) -> str:
    return request.param


@pytest.fixture
def copied(folders, tmp_path) -> Path:
    return Path(shutil.copytree(folders["siglip"], tmp_path / "model"))


@pytest.fixture(scope="module")
def with_pieces(tmp_path_factory) -> Path:
    """A folder with a spiece.model that sentencepiece itself trained, and the same pieces in tokenizer.json."""
    spm = pytest.importorskip("sentencepiece")
    folder, model = tmp_path_factory.mktemp("pieces"), io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter([canonical(sentence) for sentence in sentences()]),
        model_writer=model,
        vocab_size=110,
        unk_id=2,
        eos_id=1,
        bos_id=-1,
        pad_id=0,
        minloglevel=2,
    )
    (folder / "spiece.model").write_bytes(model.getvalue())
    read = spm.SentencePieceProcessor(model_proto=model.getvalue())
    write_tokenizer(folder, [(read.id_to_piece(i), read.get_score(i)) for i in range(len(read))])
    return write_model(folder, len(read))


def library(folder: Path, name: str, **options):
    return LIBRARY[name].from_pretrained(folder, dtype=torch.float64, **options).eval()


def test_every_check_is_passed(folders, name, tmp_path):
    passes_every_check(folders[name], tmp_path)


@torch.inference_mode()
def test_texts_are_encoded_as_by_the_library_with_its_own_slow_tokenizer(with_pieces, tmp_path):
    texts = ["There is no edema.", "no pneumothorax", "VIEW:  there's *no* EDEMA!?", "Edema."]
    inputs = AutoProcessor.from_pretrained(with_pieces)(text=texts, padding="max_length", return_tensors="pt")
    assert inputs["input_ids"].shape == (len(texts), CONTEXT)
    expected = library(with_pieces, "siglip").get_text_features(inputs["input_ids"]).pooler_output
    only_pieces = Path(shutil.copytree(with_pieces, tmp_path / "only"))
    (only_pieces / "tokenizer.json").unlink()
    for folder in (with_pieces, only_pieces):
        model = load_model(folder, device="cpu", dtype="float64")
        tokens = model.text.tokenize(texts)
        assert torch.equal(tokens.ids, inputs["input_ids"])
        assert (model.text.encode(tokens) - expected).abs().max() <= 1e-9
        alone = torch.cat([model.text.encode(model.text.tokenize([text])) for text in texts])
        assert (alone - expected).abs().max() <= 1e-9
        pieces = [tokens.piece(0, p) for p in range(CONTEXT)]  # a bare space is a piece too
        assert "".join(pieces).replace(" ", "") == "thereisnoedema"


@pytest.mark.parametrize("given", ["siglip", "naflex"])
@torch.inference_mode()
def test_scores_are_the_librarys_logits_for_images_of_every_shape(folders, given):
    folder, theirs = folders[given], library(folders[given], given)
    model = load_model(folder, device="cpu", dtype="float64")
    tokens = model.text.tokenize(TEXTS)
    if given == "naflex":
        ids = AutoTokenizer.from_pretrained(folder)(TEXTS, padding="max_length", return_tensors="pt")["input_ids"]
        assert torch.equal(tokens.ids, ids)
    pixels = AutoImageProcessor.from_pretrained(folder)(IMAGES, return_tensors="pt")
    pixels["pixel_values"] = pixels["pixel_values"].double()
    expected = theirs(input_ids=tokens.ids, **pixels)
    images = model.encode_images(IMAGES)
    assert (images - expected.image_embeds).abs().max() <= 1e-9
    found = model.score(model.encode_texts(TEXTS), images)
    assert (found - expected.logits_per_text).abs().max() <= 1e-9
    assert model.logit_bias == -10


@torch.inference_mode()
def test_attention_is_the_librarys_eager_attention_over_the_whole_padded_row(folders, name):
    model = load_model(folders[name], device="cpu", dtype="float64")
    tokens = model.text.tokenize(TEXTS)
    theirs = library(folders[name], name, attn_implementation="eager").text_model(tokens.ids, output_attentions=True)
    ours = list(model.text.attention(tokens))
    assert len(ours) == len(theirs.attentions) == 3
    for found, expected in zip(ours, theirs.attentions, strict=True):
        assert found.shape == (len(TEXTS), 4, CONTEXT, CONTEXT)
        assert (found - expected).abs().max() <= 1e-6  # the library's eager softmax is in float32


@torch.inference_mode()
def test_padding_is_read_and_the_last_position_is_pooled_whatever_the_text(folders, name):
    model = load_model(folders[name], device="cpu", dtype="float64")
    tokens = model.text.tokenize(TEXTS)
    assert tokens.ids.shape == (len(TEXTS), CONTEXT)
    assert tokens.pooled.tolist() == [CONTEXT - 1] * len(TEXTS)
    assert model.text.attention_mask(tokens) is None
    assert int(tokens.mask[2].sum()) == 3  # no, pneumothorax, end
    masked = model.model.get_text_features(tokens.ids, attention_mask=tokens.mask.long()).pooler_output
    assert (masked - model.text.encode(tokens)).abs().max() > 1e-3


def test_a_text_that_fills_the_context_pools_its_end_and_a_longer_one_is_refused(folders):
    tower = load_model(folders["siglip"], device="cpu").text
    full = tower.tokenize(["no " * (CONTEXT - 1)])
    assert bool(full.mask.all())
    assert full.offsets[0][-1] == (0, 0)
    with pytest.raises(TextError, match=f"has {CONTEXT + 1} tokens and the model reads at most {CONTEXT}"):
        tower.tokenize(["no " * CONTEXT])


def test_offsets_point_into_the_text_as_the_tokenizer_read_it(folders):
    tokens = load_model(folders["siglip"], device="cpu").text.tokenize(["There is (NO) left-sided\tedema."])
    assert tokens.texts == ("there is no leftsided edema",)
    assert [tokens.piece(0, p) for p in range(3)] == ["there", "is", "no"]
    assert "".join(tokens.piece(0, p) for p in range(CONTEXT)) == "thereisnoleftsidededema"


def test_a_text_of_punctuation_alone_is_refused(folders):
    tower = load_model(folders["siglip"], device="cpu").text
    with pytest.raises(TextError, match=r"nothing is left of .\.\.\.. without its punctuation"):
        tower.tokenize(["no edema", "..."])


def test_a_fixed_size_siglip2_keeps_gemmas_tokenizer_with_case_and_punctuation(folders, tmp_path):
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folders["naflex"] / file, tmp_path / file)
    edit(tmp_path / "tokenizer_config.json", lambda config: config.update(tokenizer_class="GemmaTokenizer"))
    theirs = AutoTokenizer.from_pretrained(folders["naflex"])
    write_model(tmp_path, len(theirs))
    tokens = load_model(tmp_path, device="cpu").text.tokenize(["there is No edema."])
    expected = AutoTokenizer.from_pretrained(tmp_path)(["there is No edema."], padding="max_length", max_length=CONTEXT)
    assert tokens.ids.tolist() == expected["input_ids"]
    assert tokens.texts == ("there is No edema.",)
    assert tokens.piece(0, 1) == "is"


def test_length_limits_written_into_tokenizer_json_neither_cut_nor_pad(copied):
    cut = {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    edit(copied / "tokenizer.json", lambda whole: whole.update(truncation=cut))
    assert int(load_model(copied, device="cpu").text.tokenize([TEXTS[1]]).mask.sum()) == 11


def test_special_tokens_default_to_the_classs_own_where_the_config_is_bare(copied, folders):
    expected = load_model(folders["siglip"], device="cpu").text.tokenize(TEXTS).ids
    (copied / "tokenizer_config.json").write_text('{"pad_token": {"content": "</s>"}}')
    assert torch.equal(load_model(copied, device="cpu").text.tokenize(TEXTS).ids, expected)
    (copied / "tokenizer_config.json").unlink()
    assert torch.equal(load_model(copied, device="cpu").text.tokenize(TEXTS).ids, expected)


def test_what_was_found_and_not_used_is_reported(copied):
    path = copied / "model.safetensors"
    save_file(load_file(path) | {"extra.weight": torch.zeros(2)}, path, {"format": "pt"})
    report = load_model(copied, device="cpu").report
    assert report.unused_keys == ("extra.weight",)
    assert report.rows["Context"] == f"{CONTEXT} tokens, always filled with padding"
    assert report.rows["Text tower"] == "3 layers x 4 heads, width 32, bidirectional"


def test_a_spiece_model_without_sentencepiece_is_refused_with_the_line_to_install_it(copied, monkeypatch):
    (copied / "tokenizer.json").unlink()
    (copied / "spiece.model").write_bytes(b"pieces")
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    assert "which needs sentencepiece: pip install 'sentencepiece>=0.2.3', or copy" in refused(copied)


def test_a_broken_spiece_model_is_refused(copied):
    pytest.importorskip("sentencepiece")
    (copied / "tokenizer.json").unlink()
    (copied / "spiece.model").write_bytes(b"pieces")
    assert "does not load, so copy the tokenizer files" in refused(copied)


def test_tokenizers_that_are_missing_broken_or_of_another_model_are_refused(copied, folders):
    whole = copied / "tokenizer.json"
    good = whole.read_text()
    whole.unlink()
    assert "has no tokenizer; copy the tokenizer.json" in refused(copied)
    whole.write_text("{")
    assert "does not load, so copy the tokenizer files" in refused(copied)
    whole.write_text(good)
    edit(whole, lambda record: record.update(post_processor=None))
    assert "does not end texts with '</s>', as SigLIP's does" in refused(copied)
    whole.write_text(good)
    edit(whole, lambda record: record["model"]["vocab"].append(["▁zebra", -3.0]))
    assert "has 104 tokens and the model embeds only 103" in refused(copied)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folders["naflex"] / file, copied / file)
    edit(copied / "tokenizer_config.json", lambda c: c.update(padding_side="left", tokenizer_class="GemmaTokenizer"))
    assert 'set "padding_side": "right"' in refused(copied)


def test_weights_that_lack_a_tensor_or_have_another_shape_are_refused_by_name(copied):
    path = copied / "model.safetensors"
    tensors = load_file(path)
    save_file({k: v for k, v in tensors.items() if k != "text_model.head.bias"}, path, {"format": "pt"})
    assert "lack 1 tensor that the config asks for, first 'text_model.head.bias'" in refused(copied)
    save_file(tensors | {"text_model.head.bias": torch.zeros(5)}, path, {"format": "pt"})
    assert "first 'text_model.head.bias': found (5,), expected (32,)" in refused(copied)


def test_images_of_another_size_or_none_at_all_are_refused(copied, folders, tmp_path):
    edit(copied / "preprocessor_config.json", lambda config: config.update(size={"height": 56, "width": 56}))
    assert "makes images of 56 px and the model reads 28 px" in refused(copied)
    (copied / "preprocessor_config.json").unlink()
    assert "has no preprocessor_config.json" in refused(copied)
    naflex = Path(shutil.copytree(folders["naflex"], tmp_path / "naflex"))
    shutil.copy(folders["siglip"] / "preprocessor_config.json", naflex)
    assert "does not cut images into the patches of 7 px that a Siglip2Model reads" in refused(naflex)
