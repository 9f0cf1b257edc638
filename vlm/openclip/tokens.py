"""open_clip's tokenizers as ones of the `tokenizers` package, which need neither torch nor open_clip."""

import string
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from vlm.errors import AskpixError
from vlm.pairing import background_captions

_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
_SPACES = [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
_CLEANING: dict[str, list[Any]] = {
    "_clean_whitespace": _SPACES,
    "_clean_lower": [*_SPACES, normalizers.Lowercase()],
    "_clean_canonicalize": [
        normalizers.Replace("_", " "),
        normalizers.Replace(Regex(f"[{''.join(chr(92) + c for c in string.punctuation)}]"), ""),
        normalizers.Lowercase(),
        *_SPACES,
    ],
}


def portable(own: Any) -> tuple[Tokenizer, int, int]:
    """The tokenizer, how many tokens a text has, and the one that fills it up.

    Raises AskpixError when texts would be cut otherwise than by open_clip's own.
    """
    made, padding = (_of_clip(own), 0) if hasattr(own, "bpe_ranks") else _of_hub(own)
    longest = int(own.context_length)
    made.enable_truncation(longest)
    for text in background_captions():
        ids = made.encode(text).ids
        if own([text])[0].tolist() != ids + [padding] * (longest - len(ids)):
            raise AskpixError(f"its tokenizer cannot be exported: {text!r} would be cut into other tokens")
    return made, longest, padding


def _of_clip(own: Any) -> Tokenizer:
    """CLIP's own byte pairs (Radford et al., ICML 2021)."""
    made = Tokenizer(
        models.BPE(
            vocab=own.encoder, merges=list(own.bpe_ranks), continuing_subword_prefix="", end_of_word_suffix="</w>"
        )
    )
    made.normalizer = normalizers.Sequence([normalizers.NFC(), *_CLEANING[own.clean_fn.__name__]])
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_WORDS), "removed", invert=True), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    start, end = (own.decoder[number] for number in (own.sot_token_id, own.eot_token_id))
    made.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, own.sot_token_id), (end, own.eot_token_id)]
    )
    made.decoder = decoders.ByteLevel()
    return made


def _of_hub(own: Any) -> tuple[Tokenizer, int]:
    """A tokenizer of transformers, with the cleaning that open_clip does before it."""
    made = Tokenizer.from_str(own.tokenizer.backend_tokenizer.to_str())
    cleaning = _CLEANING[own.clean_fn.__name__]
    made.normalizer = normalizers.Sequence([*cleaning, *([made.normalizer] if made.normalizer else [])])
    made.no_padding()
    return made, int(own.tokenizer.pad_token_id)
