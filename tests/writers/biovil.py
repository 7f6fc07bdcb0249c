"""Tiny random BioViL and BioViL-T in the layout of microsoft/BiomedVLP-CXR-BERT-specialized and BiomedVLP-BioViL-T."""

from pathlib import Path

import torch

from tests.writers.bare import DIM, bert_tensors, prefixed, randn, tiny_resnet, write_text

IMAGE = "biovil_image_resnet50_proj_size_128.pt"
IMAGE_T = "biovil_t_image_model_proj_size_128.pt"


def write(folder: Path, *, prior: bool = False) -> Path:
    bert = write_text(
        folder,
        pooler=False,
        model_type="cxr-bert",
        projection_size=DIM,
        architectures=["CXRBertModel"],
        auto_map={"AutoConfig": "configuration_cxrbert.CXRBertConfig", "AutoModel": "modeling_cxrbert.CXRBertModel"},
    )
    width = bert.config.hidden_size
    head = {
        "dense_to_hidden.weight": randn(DIM, width, seed=2),
        "dense_to_hidden.bias": randn(DIM, seed=3),
        "LayerNorm.weight": 1 + randn(DIM, seed=4),
        "LayerNorm.bias": randn(DIM, seed=5),
        "dense_to_output.weight": randn(DIM, DIM, seed=6),
        "dense_to_output.bias": randn(DIM, seed=7),
    }
    words = {"cls.predictions.bias": torch.zeros(bert.config.vocab_size)}
    torch.save(
        bert_tensors(bert, "bert.") | words | prefixed("cls_projection_head.", head), folder / "pytorch_model.bin"
    )
    image = prefixed("encoder.encoder.", dict(tiny_resnet().state_dict())) | {
        "projector.model.0.weight": randn(DIM, 512 if prior else 2048, 1, 1, seed=8),
        "projector.model.1.weight": 1 + randn(DIM, seed=9),
        "projector.model.1.bias": randn(DIM, seed=10),
        "projector.model.1.running_mean": randn(DIM, seed=11),
        "projector.model.1.running_var": 1 + randn(DIM, seed=12).abs(),
        "projector.model.1.num_batches_tracked": torch.tensor(3),
        "projector.model.3.weight": randn(DIM, DIM, 1, 1, seed=13),
        "projector.model.3.bias": randn(DIM, seed=14),
    }
    if prior:
        image["encoder.backbone_to_vit.weight"] = randn(256, 2048, 1, 1, seed=15)
        image["encoder.missing_previous_emb"] = randn(1, 256, 1, 1, seed=16)
        image["encoder.vit_pooler.type_embed"] = randn(2, 1, 256, seed=17)
    torch.save(image, folder / (IMAGE_T if prior else IMAGE))
    return folder
