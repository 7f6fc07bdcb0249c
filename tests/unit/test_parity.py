"""Our forward pass against each family's own library, in float64: ids, states, attention, embeddings, images."""

from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import torch
from open_clip.tokenizer import bytes_to_unicode
from PIL import Image
from torch.nn import functional as F
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

from nast_core import load_model
from nast_core.errors import TextError

TEXTS = (
    "no edema",
    "there is no pneumothorax .",
    "findings : a small left pleural effusion ; normal heart size .",
    "NO  œdème, can't\tsee: 5 µm...",
)
ODD = (
    *TEXTS,
    "naïve café — “quoted”",
    "  spaces   around  ",
    "日本 🙂🙂 !!??",
    "İstanbul ẞ",
    "a-b_c/d\n\ne",
    "x" * 15,
    "1234",
    "## #2",
)


def huggingface_library(folder) -> SimpleNamespace:
    model = CLIPModel.from_pretrained(folder, dtype=torch.float64).eval()
    eager = CLIPModel.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    tokenizer, processor = AutoTokenizer.from_pretrained(folder), AutoImageProcessor.from_pretrained(folder)

    def features(texts, of=model, **options):
        return of.get_text_features(**tokenizer(list(texts), padding=True, return_tensors="pt"), **options)

    def image(picture):
        pixels = processor(picture.convert("RGB"), return_tensors="pt")["pixel_values"].double()
        return model.get_image_features(pixel_values=pixels).pooler_output

    return SimpleNamespace(
        ids=lambda text: tokenizer(text)["input_ids"],
        spelling=lambda i: tokenizer.convert_ids_to_tokens([i])[0],
        embed=lambda texts: features(texts).pooler_output,
        attention=lambda text: torch.stack(features([text], eager, output_attentions=True).attentions),
        softmax_error=1e-6,  # transformers' eager attention takes its softmax in float32, whatever the model
        states=lambda text: torch.stack(features([text], output_hidden_states=True).hidden_states),
        image=image,
        scale=float(model.logit_scale.detach().exp()),
    )


def open_clip_library(folder) -> SimpleNamespace:
    name = f"local-dir:{folder}"
    model, _, transform = open_clip.create_model_and_transforms(name, require_pretrained=True)
    model, tokenizer = model.double().eval(), open_clip.get_tokenizer(name)

    def seen(text):
        """(attention weights, states) of every block, by hooks: the library gives out neither."""
        weights, states, hooks = [], [], []

        def ask(_module, args, options):
            return args, {**options, "need_weights": True, "average_attn_weights": False}

        for block in model.transformer.resblocks:
            hooks.append(block.attn.register_forward_pre_hook(ask, with_kwargs=True))
            hooks.append(block.attn.register_forward_hook(lambda _m, _i, out: weights.append(out[1])))
            hooks.append(block.register_forward_pre_hook(lambda _m, args: states.append(args[0])))
        hooks.append(model.transformer.resblocks[-1].register_forward_hook(lambda _m, _i, out: states.append(out)))
        model.encode_text(tokenizer([text]))
        for hook in hooks:
            hook.remove()
        return torch.stack(weights), torch.stack(states)

    return SimpleNamespace(
        ids=lambda text: [i for i in tokenizer([text])[0].tolist() if i],  # padding is 0
        spelling=lambda i: tokenizer.decoder[i],
        embed=lambda texts: model.encode_text(tokenizer(list(texts))),
        attention=lambda text: seen(text)[0],
        softmax_error=1e-9,
        states=lambda text: seen(text)[1],
        image=lambda picture: model.encode_image(transform(picture)[None].double()),
        scale=float(model.logit_scale.detach().exp()),
    )


LIBRARIES = {"Hugging Face CLIP": huggingface_library, "open_clip": open_clip_library}


@pytest.fixture(scope="module")
def library(model64, folders):
    """The original library's own calls on the checkpoint that model64 was loaded from."""
    with torch.inference_mode():
        yield LIBRARIES[model64.card.family](folders[model64.card.family])


def worst(found, expected) -> float:
    assert found.shape == expected.shape
    return float((found - expected).detach().abs().max())


@pytest.mark.parametrize("text", ODD)
def test_token_ids_are_the_library_tokenizers(model64, library, text):
    tokens = model64.text.tokenize([text])
    assert tokens.ids[0].tolist() == library.ids(text)
    assert bool(tokens.mask.all())


@pytest.mark.parametrize("text", ODD)
def test_every_tokens_offsets_spell_its_piece(model64, library, text):
    tokens = model64.text.tokenize([text])
    byte_of = {character: byte for byte, character in bytes_to_unicode().items()}
    ids, spans, clean = tokens.ids[0].tolist(), tokens.offsets[0], tokens.texts[0]
    assert spans[0] == spans[-1] == (0, 0)
    assert list(spans[1:-1]) == sorted(spans[1:-1])
    spelled = b""
    for i, (start, end) in zip(ids[1:-1], spans[1:-1], strict=True):
        piece = bytes(byte_of[c] for c in library.spelling(i).removesuffix("</w>"))
        covered = clean[start:end].lower().encode()
        assert piece == covered or (piece in covered and len(clean[start:end]) <= 2), (piece, covered)
        spelled += piece
    assert spelled.decode() == "".join(clean.lower().split())


@pytest.mark.parametrize("text", TEXTS)
def test_one_texts_embedding_equals_the_librarys(model64, library, text):
    tokens = model64.text.tokenize([text])
    ours = model64.text.encode(tokens)
    assert worst(ours, library.embed([text])) <= 1e-9
    assert worst(ours, model64.text.library_embedding(tokens)) <= 1e-9


def test_a_batch_of_texts_of_mixed_length_equals_the_library_row_by_row(model64, library):
    tokens = model64.text.tokenize(TEXTS)
    ours = model64.text.encode(tokens)
    assert len(set(tokens.mask.sum(-1).tolist())) == len(TEXTS)
    assert worst(ours, library.embed(TEXTS)) <= 1e-9
    assert worst(ours, torch.cat([library.embed([text]) for text in TEXTS])) <= 1e-9
    assert worst(ours, model64.text.library_embedding(tokens)) <= 1e-9


@pytest.mark.parametrize("extra", [1, 5])
def test_padding_moves_neither_an_embedding_nor_the_pooled_position(model64, library, extra):
    bare = model64.text.tokenize(TEXTS[:2])
    padded = model64.text.tokenize(TEXTS[:2], pad_to=bare.ids.shape[1] + extra)
    assert padded.ids.shape[1] == bare.ids.shape[1] + extra
    assert padded.mask.sum(-1).tolist() == bare.mask.sum(-1).tolist()
    assert padded.pooled.tolist() == bare.pooled.tolist() == [n - 1 for n in bare.mask.sum(-1).tolist()]
    assert worst(model64.text.encode(padded), library.embed(TEXTS[:2])) <= 1e-9


def test_encode_texts_gives_unit_vectors_in_the_order_asked_for_and_encodes_a_repeated_text_once(model64, library):
    asked, encoded = [TEXTS[2], TEXTS[0], TEXTS[2], TEXTS[1]], []
    found = model64.encode_texts(asked, batch_size=2, progress=encoded.append)
    assert worst(found, F.normalize(library.embed(asked), dim=-1)) <= 1e-9
    assert sum(encoded) == 3


@pytest.mark.parametrize("text", TEXTS)
def test_every_layers_states_equal_the_librarys(model64, library, text):
    ours = model64.text.states(model64.text.tokenize([text]))
    theirs = library.states(text)[:, :, : ours.shape[2]]
    assert len(ours) == model64.text.n_layers + 1
    assert worst(ours, theirs) <= 1e-9


def test_running_layer_by_layer_equals_running_at_once(model64):
    tower, tokens = model64.text, model64.text.tokenize(TEXTS)
    states, start = tower.states(tokens), tower.embed(tokens)
    assert worst(states[0], start) == 0
    for layer in range(tower.n_layers):
        assert worst(tower.run(states[layer], tokens, layer, layer + 1), states[layer + 1]) <= 1e-12
        assert worst(tower.run(start, tokens, 0, layer), states[layer]) <= 1e-12
        assert worst(tower.run(states[layer], tokens, layer), states[-1]) <= 1e-12
    assert worst(tower.readout(states[-1], tokens), tower.encode(tokens)) <= 1e-12


@pytest.mark.parametrize("text", TEXTS)
def test_attention_equals_the_librarys_and_every_row_sums_to_one(model64, library, text):
    ours = torch.stack(list(model64.text.attention(model64.text.tokenize([text]))))
    length = ours.shape[-1]
    assert ours.shape[:3] == (model64.text.n_layers, 1, model64.text.n_heads)
    assert worst(ours, library.attention(text)[..., :length, :length]) <= library.softmax_error
    assert worst(ours.sum(-1), torch.ones(ours.shape[:-1], dtype=torch.float64)) <= 1e-12
    assert float(ours.triu(1).abs().max()) == 0  # causal


def test_an_image_embedding_equals_the_librarys(model64, library):
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8))
    grey = Image.fromarray(rng.integers(0, 256, (64, 31), np.uint8))
    ours = model64.encode_images([colour, grey, colour], batch_size=2)
    theirs = F.normalize(torch.cat([library.image(picture) for picture in (colour, grey, colour)]), dim=-1)
    assert worst(ours, theirs) <= 1e-9
    assert model64.image_size == 28


def test_a_score_is_the_cosine_times_the_librarys_scale(model64, library):
    text, image = model64.encode_texts([TEXTS[0]]), F.normalize(torch.arange(16.0, dtype=torch.float64), dim=0)[None]
    expected = library.scale * sum(float(a) * float(b) for a, b in zip(text[0], image[0], strict=True))
    assert float(model64.score(text, image)[0, 0]) == pytest.approx(expected, abs=1e-9)


def test_a_legacy_config_with_eos_id_2_pools_at_the_largest_id_like_the_library(copied, edit):
    folder = copied()
    edit(folder / "config.json", lambda config: config["text_config"].update(eos_token_id=2))
    model, library = load_model(folder, device="cpu", dtype="float64"), huggingface_library(folder)
    text = "edema ## ."  # its first # has id 2, where a modern config with this eos id would pool
    tokens = model.text.tokenize([text, "no edema"])
    assert 2 in tokens.ids[0].tolist()
    assert tokens.pooled.tolist() == [n - 1 for n in tokens.mask.sum(-1).tolist()]
    assert worst(model.text.encode(tokens), library.embed([text, "no edema"])) <= 1e-9


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_an_empty_text_is_refused(model64, text):
    with pytest.raises(TextError, match="the text is empty; write a sentence such as"):
        model64.encode_texts(["no edema", text])


def test_a_text_over_the_context_is_refused_with_both_numbers_and_one_of_just_the_context_is_read(model64):
    room = model64.text.context_length - 2
    assert model64.text.tokenize([" ".join(["no"] * room)]).ids.shape == (1, room + 2)
    with pytest.raises(TextError, match=f"has {room + 3} tokens and the model reads at most {room + 2}"):
        model64.text.tokenize(["no edema", " ".join(["no"] * (room + 1))])
