"""Small checkpoints of diffusers' editors with random weights: real networks, tokenizers, schedulers and folders."""

from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers as hub

from hub_checkpoints import CHAT_TEMPLATE, MARKS, TOWER, WORDS, word_tokenizer

SIDE = 64  # pixels that the tiny InstructPix2Pix draws at
UNET: dict[str, Any] = {
    "block_out_channels": (8, 16),
    "norm_num_groups": 4,
    "layers_per_block": 1,
    "sample_size": SIDE // 2,
    "in_channels": 8,
    "out_channels": 4,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
}
TRANSFORMER: dict[str, Any] = {
    "num_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 16,
    "axes_dims_rope": (4, 4, 8),
}


def pix2pix(folder: Path, safety: bool = False) -> Path:
    """A tiny InstructPix2Pix, with the safety checker that such checkpoints come with or without."""
    torch.manual_seed(0)
    checker, features = safety_checker() if safety else (None, None)
    diffusers.StableDiffusionInstructPix2PixPipeline(
        unet=diffusers.UNet2DConditionModel(**UNET, attention_head_dim=8, cross_attention_dim=32),
        vae=autoencoder(2),
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(),
        scheduler=diffusers.EulerAncestralDiscreteScheduler(beta_schedule="scaled_linear"),
        safety_checker=checker,
        feature_extractor=features,
        requires_safety_checker=safety,
    ).save_pretrained(folder)
    return folder


def pix2pix_xl(folder: Path) -> Path:
    """A tiny InstructPix2Pix over Stable Diffusion XL."""
    torch.manual_seed(0)
    more = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8}
    diffusers.StableDiffusionXLInstructPix2PixPipeline(
        unet=diffusers.UNet2DConditionModel(
            **UNET,
            **more,
            attention_head_dim=(2, 4),
            use_linear_projection=True,
            projection_class_embeddings_input_dim=6 * 8 + 32,
            cross_attention_dim=64,
        ),
        vae=autoencoder(2),
        text_encoder=clip_text(),
        text_encoder_2=clip_text(projects=True),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        scheduler=diffusers.EulerDiscreteScheduler(),
    ).save_pretrained(folder)
    return folder


def kontext(folder: Path) -> Path:
    """A tiny FLUX.1 Kontext."""
    torch.manual_seed(0)
    words = word_tokenizer(end="</s>")
    reader = hub.T5Config(vocab_size=len(words), d_model=16, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
    diffusers.FluxKontextPipeline(
        transformer=diffusers.FluxTransformer2DModel(
            **TRANSFORMER, in_channels=16, num_single_layers=1, pooled_projection_dim=32
        ),
        vae=autoencoder(6, shift_factor=0.1),
        text_encoder=clip_text(),
        text_encoder_2=hub.T5EncoderModel(reader),
        tokenizer=clip_tokenizer(),
        tokenizer_2=words,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
    ).save_pretrained(folder)
    return folder


def klein(folder: Path) -> Path:
    """A tiny FLUX.2 klein."""
    torch.manual_seed(0)
    words = word_tokenizer(chat_template=CHAT_TEMPLATE)
    layers = {"num_hidden_layers": 27, "head_dim": 8}  # the words are taken from the 9th, the 18th and the 27th
    reader = hub.Qwen3Config(**(WORDS | MARKS | layers | {"hidden_size": 16, "vocab_size": len(words)}))
    channels, blocks = ladder(2)
    diffusers.Flux2KleinPipeline(
        transformer=diffusers.Flux2Transformer2DModel(
            **(TRANSFORMER | {"joint_attention_dim": 3 * 16, "axes_dims_rope": (4, 4, 4, 4)}),
            in_channels=16,
            num_single_layers=1,
            guidance_embeds=False,
        ),
        vae=diffusers.AutoencoderKLFlux2(
            **channels, **blocks, latent_channels=4, norm_num_groups=4, mid_block_add_attention=False
        ),
        text_encoder=hub.Qwen3ForCausalLM(reader),
        tokenizer=words,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
    ).save_pretrained(folder)
    return folder


def qwen_edit(folder: Path, plus: bool = False) -> Path:
    """A tiny Qwen-Image-Edit, or the later kind of it."""
    torch.manual_seed(0)
    words, reader, processor = qwen_reader()
    pipeline = diffusers.QwenImageEditPlusPipeline if plus else diffusers.QwenImageEditPipeline
    pipeline(
        transformer=diffusers.QwenImageTransformer2DModel(**TRANSFORMER, in_channels=16, out_channels=4),
        vae=diffusers.AutoencoderKLQwenImage(
            base_dim=4,
            z_dim=4,
            dim_mult=[1] * 6,
            num_res_blocks=1,
            temperal_downsample=[False] * 5,
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ),
        text_encoder=reader,
        tokenizer=words,
        processor=processor,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    ).save_pretrained(folder)
    return folder


def longcat(folder: Path) -> Path:
    """A tiny LongCat-Image-Edit."""
    torch.manual_seed(0)
    words, reader, processor = qwen_reader()
    diffusers.LongCatImageEditPipeline(
        transformer=diffusers.LongCatImageTransformer2DModel(
            **TRANSFORMER, in_channels=64, num_single_layers=1, pooled_projection_dim=16
        ),
        vae=autoencoder(4, latent=16, shift_factor=0.1),
        text_encoder=reader,
        tokenizer=words,
        text_processor=processor,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    ).save_pretrained(folder)
    return folder


def qwen_reader() -> tuple[Any, Any, Any]:
    """A tiny Qwen2.5-VL, which reads an instruction with its picture: tokenizer, network and processor."""
    marks = {"image_token_id": "<|image_pad|>", "video_token_id": "<|video_pad|>"}
    around = {"vision_start_token_id": "<|vision_start|>", "vision_end_token_id": "<|vision_end|>"}
    words = word_tokenizer("<|im_start|>", "<|im_end|>", *marks.values(), *around.values(), model_max_length=2048)
    rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10_000.0}
    seen = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 16}
    config = hub.Qwen2_5_VLConfig(
        text_config=WORDS | MARKS | {"hidden_size": 16, "vocab_size": len(words), "rope_parameters": rope},
        vision_config=seen | {"fullatt_block_indexes": [1]},
        **{name: words.convert_tokens_to_ids(mark) for name, mark in (marks | around).items()},
    )
    pictures = hub.Qwen2VLImageProcessor(size={"shortest_edge": 56 * 56, "longest_edge": 112 * 112})
    processor = hub.Qwen2VLProcessor(pictures, words, hub.Qwen2VLVideoProcessor())
    return words, hub.Qwen2_5_VLForConditionalGeneration(config), processor


def ladder(levels: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Channels and blocks of an autoencoder that halves the side one time less than it has levels."""
    blocks = {"down_block_types": ["DownEncoderBlock2D"] * levels, "up_block_types": ["UpDecoderBlock2D"] * levels}
    return {"block_out_channels": [4] * levels, "layers_per_block": 1}, blocks


def autoencoder(levels: int, latent: int = 4, **more: Any) -> Any:
    """A tiny autoencoder of Stable Diffusion, with so many latent channels."""
    channels, blocks = ladder(levels)
    return diffusers.AutoencoderKL(**channels, **blocks, latent_channels=latent, norm_num_groups=4, **more)


def clip_tokenizer() -> Any:
    """A tokenizer of CLIP that knows letters alone."""
    letters = [chr(code) for code in range(33, 127)]
    pieces = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    return hub.CLIPTokenizer({piece: i for i, piece in enumerate(pieces)}, [], model_max_length=77)


def clip_text(projects: bool = False) -> Any:
    """A tiny text tower of CLIP, with the projection that Stable Diffusion XL wants or without."""
    marks = {"vocab_size": 200, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    config = hub.CLIPTextConfig(**(TOWER | marks), projection_dim=32)
    return (hub.CLIPTextModelWithProjection if projects else hub.CLIPTextModel)(config)


def safety_checker() -> tuple[Any, Any]:
    """A tiny safety checker, and what prepares pictures for it; untrained, it lets everything pass."""
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker

    vision = TOWER | {"image_size": 32, "patch_size": 8, "projection_dim": 16}
    config = hub.CLIPConfig(text_config=TOWER, vision_config=vision, projection_dim=16)
    size = {"height": 32, "width": 32}
    return StableDiffusionSafetyChecker(config), hub.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)
