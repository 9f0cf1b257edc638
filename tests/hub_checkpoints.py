"""Small checkpoints of transformers with random weights: real architectures, tokenizers and processors."""

from pathlib import Path
from typing import Any

import torch
import transformers as hub
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

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


def word_tokenizer(*special: str, start: str | None = None, end: str | None = None, **more: Any) -> Any:
    """A tokenizer of transformers over byte pairs learnt from a few sentences."""
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
    return hub.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", bos_token="<s>", eos_token="</s>", **{"model_max_length": 64, **more}
    )


def chat_model(folder: Path) -> Path:
    """A tiny LLaVA: a CLIP tower and a Llama, with its processor and chat template."""
    tokenizer = word_tokenizer("<image>", model_max_length=512)
    torch.manual_seed(0)
    vision = hub.CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8
    )
    text = hub.LlamaConfig(
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
    config = hub.LlavaConfig(
        vision_config=vision, text_config=text, image_token_id=tokenizer.convert_tokens_to_ids("<image>")
    )
    model = hub.LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = [2], 0
    model.save_pretrained(folder)
    size = {"height": 32, "width": 32}
    hub.LlavaProcessor(
        hub.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    return folder


def clip_model(folder: Path, kind: str = "clip") -> Path:
    """A tiny CLIP or SigLIP of transformers, with its processor."""
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


TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
WORDS = TOWER | {"num_key_value_heads": 2, "max_position_embeddings": 2048}
MARKS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def smolvlm(folder: Path) -> Path:
    """A tiny SmolVLM, which cuts a picture into tiles."""
    tiles = [f"<row_{i}_col_{j}>" for i in range(1, 7) for j in range(1, 7)]
    marks = ("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", *tiles)
    tokenizer = word_tokenizer(*marks, model_max_length=2048)
    config = hub.SmolVLMConfig(
        vision_config=TOWER | {"image_size": 64, "patch_size": 16},
        text_config=WORDS | MARKS | {"model_type": "llama", "vocab_size": len(tokenizer)},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    hub.SmolVLMForConditionalGeneration(config).save_pretrained(folder)
    sizes = {"size": {"longest_edge": 128}, "max_image_size": {"longest_edge": 64}}
    frames = {"fps": 1, "max_frames": 4, "video_size": {"longest_edge": 64}}
    hub.SmolVLMProcessor(
        hub.SmolVLMImageProcessor(**sizes),
        tokenizer,
        hub.SmolVLMVideoProcessor(**sizes, video_sampling=frames),
        image_seq_len=4,
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    return folder


def qwen_vl(folder: Path) -> Path:
    """A tiny Qwen2-VL, which sees each picture in its own size."""
    marks = {"image": "<|image_pad|>", "video": "<|video_pad|>"}
    around = {"vision_start": "<|vision_start|>", "vision_end": "<|vision_end|>"}
    tokenizer = word_tokenizer(*marks.values(), *around.values(), model_max_length=2048)
    ids = {f"{name}_token_id": tokenizer.convert_tokens_to_ids(mark) for name, mark in (marks | around).items()}
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10_000.0}
    config = hub.Qwen2VLConfig(
        vision_config={
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": 32,
            "num_heads": 2,
            "mlp_ratio": 2,
            "patch_size": 14,
        },
        text_config=WORDS | MARKS | {"vocab_size": len(tokenizer), "rope_parameters": rope},
        **ids,
    )
    torch.manual_seed(0)
    hub.Qwen2VLForConditionalGeneration(config).save_pretrained(folder)
    hub.Qwen2VLProcessor(
        hub.Qwen2VLImageProcessor(size={"shortest_edge": 56 * 56, "longest_edge": 112 * 112}),
        tokenizer,
        hub.Qwen2VLVideoProcessor(),
        chat_template=CHAT_TEMPLATE.replace("<image>", "<|vision_start|><|image_pad|><|vision_end|>"),
    ).save_pretrained(folder)
    return folder


def blip2_model(folder: Path) -> Path:
    """A tiny BLIP-2 over an OPT."""
    tokenizer = word_tokenizer("<image>", model_max_length=256)
    words = {"model_type": "opt", "vocab_size": len(tokenizer), "ffn_dim": 64, "word_embed_proj_dim": 32}
    config = hub.Blip2Config(
        vision_config=TOWER | {"image_size": 32, "patch_size": 8},
        qformer_config=TOWER | {"encoder_hidden_size": 32, "vocab_size": 50},
        text_config=TOWER | MARKS | words | {"max_position_embeddings": 256},
        num_query_tokens=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    torch.manual_seed(0)
    hub.Blip2ForConditionalGeneration(config).save_pretrained(folder)
    images = hub.BlipImageProcessor(size={"height": 32, "width": 32})
    hub.Blip2Processor(images, tokenizer, num_query_tokens=4).save_pretrained(folder)
    return folder


def florence(folder: Path) -> Path:
    """A tiny Florence-2."""
    tokenizer = word_tokenizer("<image>", model_max_length=256, extra_special_tokens={"image_token": "<image>"})
    stages = {"embed_dim": [16, 16, 32, 32], "num_heads": [2] * 4, "num_groups": [2] * 4, "depths": [1] * 4}
    text = {"model_type": "bart", "vocab_size": len(tokenizer), "d_model": 32, "max_position_embeddings": 256}
    halves = {f"{half}_{name}": n for half in ("encoder", "decoder") for name, n in
              (("layers", 2), ("attention_heads", 2), ("ffn_dim", 64))}  # fmt: skip
    config = hub.Florence2Config(
        vision_config=stages | {"projection_dim": 32, "window_size": 4},
        text_config=text | halves | MARKS | {"decoder_start_token_id": 2, "forced_eos_token_id": 2},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    torch.manual_seed(0)
    hub.Florence2ForConditionalGeneration(config).save_pretrained(folder)
    images = hub.CLIPImageProcessor(size={"height": 64, "width": 64}, do_center_crop=False, image_seq_length=5)
    reads = ("pure_text", "description_with_bboxes", "description_with_polygons", "polygons", "bboxes")
    kinds: dict[str, Any] = {kind: {} for kind in (*reads, "description_with_bboxes_or_polygons")}
    kinds |= {"ocr": {"pattern": ""}, "phrase_grounding": {"banned_grounding_tokens": []}}
    hub.Florence2Processor(
        images, tokenizer, num_additional_image_tokens=1, post_processor_config=kinds
    ).save_pretrained(folder)
    return folder
