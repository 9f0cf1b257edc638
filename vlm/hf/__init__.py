"""Models of the Hugging Face hub, or folders like them, through transformers.

CLIP, SigLIP and SigLIP 2 encode; BLIP writes or answers; BLIP-2, Florence-2 and chat models that take
pictures (Qwen-VL, SmolVLM, LLaVA and the like) do both. Which one a folder holds its config.json tells.
"""

from typing import Any

from vlm.errors import AskpixError
from vlm.extras import need
from vlm.runtime import Runtime


def open_model(rest: str, runtime: Runtime) -> Any:
    """The model called hf:`rest`: org/name, org/name@revision, or a folder; its weights are loaded when first used.

    What is not on this machine is fetched. Raises AskpixError when that fails, for a kind of model
    that is not supported, and for one that brings code of its own unless that was allowed.
    """
    need("torch", "torch", "transformers")
    from vlm.hf.blip import Blip, BlipAnswers
    from vlm.hf.chat import Blip2, Chat, Florence
    from vlm.hf.checkpoint import Checkpoint, read_config
    from vlm.hf.encoder import ENCODERS, HubEncoder
    from vlm.hf.hub import located

    folder, name = located(rest)
    config = read_config(folder, runtime)
    checkpoint = Checkpoint(folder, name, config, runtime)
    kind, architectures = config.model_type, config.architectures or [""]
    if kind in ENCODERS:
        return HubEncoder(checkpoint)
    if kind == "blip":
        if architectures[0] == "BlipForQuestionAnswering":
            return BlipAnswers(checkpoint)
        if architectures[0] == "BlipForConditionalGeneration":
            return Blip(checkpoint)
    elif kind == "blip-2":
        return Blip2(checkpoint)
    elif kind == "florence2":
        return Florence(checkpoint)
    elif checkpoint.chats:
        return Chat(checkpoint)
    raise AskpixError(
        f"{rest} is a {kind} model ({architectures[0]}), of which askpix knows no use: it takes CLIP, SigLIP and "
        "SigLIP 2 to encode, BLIP, BLIP-2, Florence-2 and chat models with pictures to write and answer"
    )
