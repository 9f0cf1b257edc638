"""Small checkpoints with random weights, of real architectures and with real tokenizers."""

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file

from vlm.runtime import Runtime

CPU = Runtime(device="cpu", dtype="float32")
TOWER = {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16}
TEXT = {"context_length": 32, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
CLIP = {"embed_dim": 32, "vision_cfg": TOWER, "text_cfg": TEXT}
COCA = {
    "embed_dim": 64,
    "vision_cfg": TOWER | {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
    "text_cfg": TEXT | {"context_length": 40, "embed_cls": True, "output_tokens": True},
    "multimodal_cfg": TEXT | {"context_length": 40, "width": 64, "heads": 2, "attn_pooler_heads": 2},
    "custom_text": True,
}
SIGLIP = {
    "embed_dim": 32,
    "vision_cfg": TOWER,
    "text_cfg": TEXT | {"no_causal_mask": True, "pool_type": "last"},
    "custom_text": True,
    "init_logit_bias": -10,
}
SIGLIP_PIXELS = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}


def checkpoint(folder: Path, config: dict[str, Any], **preprocess: Any) -> Path:
    """A folder as open_clip writes one, with random weights."""
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    torch.manual_seed(0)
    model = open_clip.create_model(f"local-dir:{folder}", pretrained_text=False)
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    if "text_decoder.text_projection" in weights:  # as it is made, it holds whatever lay in memory
        weights["text_decoder.text_projection"] = torch.randn(64, 49408) * 0.3
    save_file(weights, folder / "open_clip_model.safetensors")
    return folder


SENTENCES = (
    "a dog runs on the beach . two people ride a red bicycle in the city .",
    "a cat sleeps on a sofa . what colour is the car ? it is blue . yes no one two three",
    'user assistant describe this photo in one sentence : { } " caption tags',
)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {% if message['content'] is string %}"
    "{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% else %}<image>{% endif %}{% endfor %}{% endif %} "
    "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)


def word_tokenizer(*special: str, start: str | None = None, end: str | None = None) -> Any:
    """A tokenizer of transformers over byte pairs learnt from a few sentences."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    marks = ["<pad>", "<s>", "</s>", *special]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        SENTENCES, trainers.BpeTrainer(vocab_size=400, special_tokens=marks, initial_alphabet=alphabet)
    )
    if start or end:
        template = " ".join(part for part in (start, "$A", end) if part)
        used = [(mark, made.token_to_id(mark)) for mark in (start, end) if mark]
        made.post_processor = processors.TemplateProcessing(single=template, special_tokens=used)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", bos_token="<s>", eos_token="</s>", model_max_length=64
    )


def chat_model(folder: Path) -> Path:
    """A tiny LLaVA: a CLIP tower and a Llama, with its processor and chat template."""
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    tokenizer = word_tokenizer("<image>")
    tokenizer.model_max_length = 512
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_id=tokenizer.convert_tokens_to_ids("<image>")
    )
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = [2], 0
    model.save_pretrained(folder)
    size = {"height": 32, "width": 32}
    LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    return folder


def clip_model(folder: Path, kind: str = "clip") -> Path:
    """A tiny CLIP or SigLIP of transformers, with its processor."""
    import transformers as hub

    torch.manual_seed(0)
    start, end = ("<s>", "</s>") if kind == "clip" else (None, "</s>")
    tokenizer = word_tokenizer(start=start, end=end)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    words = {"vocab_size": len(tokenizer), "max_position_embeddings": 24, "eos_token_id": 2, "pad_token_id": 0}
    pixels = {"image_size": 32, "patch_size": 8}
    if kind == "clip":
        config: Any = hub.CLIPConfig(
            text_config=sizes | words | {"projection_dim": 16},
            vision_config=sizes | pixels | {"projection_dim": 16},
            projection_dim=16,
        )
        images: Any = hub.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
        model, processor = hub.CLIPModel(config), hub.CLIPProcessor(images, tokenizer)
    else:
        config = hub.SiglipConfig(text_config=sizes | words | {"projection_size": 32}, vision_config=sizes | pixels)
        model = hub.SiglipModel(config)
        with torch.no_grad():
            model.logit_scale.fill_(2.0)
            model.logit_bias.fill_(-5.0)
        processor = hub.SiglipProcessor(hub.SiglipImageProcessor(size={"height": 32, "width": 32}), tokenizer)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def blip_model(folder: Path, answers: bool) -> Path:
    """A tiny BLIP of transformers that writes captions, or answers questions, with its processor."""
    import transformers as hub

    torch.manual_seed(0)
    tokenizer = word_tokenizer("[DEC]", start="<s>", end="</s>")
    tokenizer.sep_token = "</s>"
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    marks = {"bos_token_id": 3, "eos_token_id": 2, "sep_token_id": 2, "pad_token_id": 0}
    config = hub.BlipConfig(
        text_config=sizes
        | marks
        | {"vocab_size": len(tokenizer), "encoder_hidden_size": 32, "max_position_embeddings": 128},
        vision_config=sizes | {"image_size": 32, "patch_size": 8},
        projection_dim=16,
        image_text_hidden_size=16,
    )
    architecture = hub.BlipForQuestionAnswering if answers else hub.BlipForConditionalGeneration
    architecture(config).save_pretrained(folder)
    hub.BlipProcessor(hub.BlipImageProcessor(size={"height": 32, "width": 32}), tokenizer).save_pretrained(folder)
    return folder
