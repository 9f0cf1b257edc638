"""How models run: everything that `vlm.load` takes besides a name."""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from vlm.errors import AskpixError

CAPTION_PROMPT = (
    "Describe this photo in one sentence in {language}, and name up to eight things that it shows. "
    'Reply in JSON and nothing else: {{"caption": "...", "tags": ["...", "..."]}}'
)
ANSWER_PROMPT = (
    "{question}\nAnswer from the picture alone, in as few words as possible. "
    "If it cannot be told from the picture, answer: I can't tell."
)


def _with_place(name: str) -> AfterValidator:
    def check(prompt: str) -> str:
        try:
            prompt.format(**{name: ""})
        except (KeyError, IndexError, ValueError):
            raise ValueError(f"the only {{name}} it may hold is {{{name}}}; write other braces twice") from None
        return prompt

    return AfterValidator(check)


class Runtime(BaseSettings):
    """Where and how networks run, what models that read prompts are asked, and how remote servers are treated."""

    model_config = SettingsConfigDict(env_prefix="ASKPIX_", extra="ignore", frozen=True)

    device: str = Field(
        default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto, cpu, cuda, cuda:N or mps"
    )
    dtype: str = Field(
        default="auto", pattern=r"^(auto|float32|bfloat16|float16)$", description="the arithmetic of torch models"
    )
    threads: int = Field(default=0, ge=0, description="processor threads a network may take; 0 means all cores")
    compile: bool = Field(default=False, description="compile the image tower with torch.compile; slow to start")
    beams: int = Field(
        default=4, ge=1, le=16, description="sequences kept in the search for a CoCa caption; 1 is greedy search"
    )
    trust_remote_code: bool = Field(default=False, description="run the code that comes with a hub model")
    caption_prompt: Annotated[str, _with_place("language")] = Field(
        default=CAPTION_PROMPT, description="what chat models are asked for a caption; {language} is filled in"
    )
    answer_prompt: Annotated[str, _with_place("question")] = Field(
        default=ANSWER_PROMPT, description="what chat models are asked a question by; {question} is filled in"
    )
    requests: int = Field(default=4, ge=1, le=256, description="requests to a remote server at a time")
    timeout: float = Field(default=60, gt=0, description="seconds that a remote server may take for one")
    retries: int = Field(default=5, ge=0, description="times that a request is made again")
    remote_side: int = Field(default=512, ge=64, description="longer side in pixels of pictures sent to a server")


def runtime_of(**flags: object) -> Runtime:
    """The runtime by flags, then ASKPIX_* in the environment; flags that are None count as not given."""
    try:
        return Runtime(**{name: value for name, value in flags.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise AskpixError(wrong_setting(error)) from error


def wrong_setting(error: ValidationError) -> str:
    """One line that names the first setting that is wrong."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    allowed = Runtime.model_fields[where].description if where in Runtime.model_fields else ""
    is_wrong = f"the setting {where} is wrong: {first['msg']}{f' ({allowed})' if allowed else ''}"
    return f"{is_wrong}; see ASKPIX_* and askpix.toml"
