"""Settings: flags first, then ASKPIX_* in the environment, then askpix.toml in the library folder."""

from pathlib import Path
from typing import Annotated, Any

from platformdirs import user_data_path
from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from searcher.flags import given
from searcher.milvus.server import check_address
from vlm.errors import AskpixError
from vlm.picture import MAX_PIXELS
from vlm.runtime import Runtime, wrong_setting


class Settings(Runtime):
    """Everything that can be set for a library; the defaults suit a laptop."""

    model_config = SettingsConfigDict(env_prefix="ASKPIX_", extra="forbid", frozen=True)

    library: Path = Field(default_factory=lambda: user_data_path("askpix"))
    catalog: str | None = Field(
        default=None, repr=False, description="where PostgreSQL keeps the catalog: postgresql://USER@HOST/NAME"
    )
    milvus: Annotated[str | None, AfterValidator(lambda said: said and check_address(said))] = Field(
        default=None, description="a Milvus server's URL, or a file ending in .db, instead of FAISS"
    )
    model: str = Field(default="builtin", description="the encoder; see askpix models")
    captioner: str | None = Field(default=None, description="another model for captions")
    caption_language: str = Field(
        default="en", description="what captions are written in: en or zh, or what the model writes"
    )
    answerer: str | None = Field(default=None, description="another model for answers")
    wording: str | None = Field(
        default=None, description="a language model that words answers over captions: openai:BASE_URL#MODEL"
    )
    text: bool = Field(default=False, description="read the text in pictures while indexing; needs askpix[ocr]")
    max_pixels: int = Field(default=MAX_PIXELS, gt=0, description="pictures with more pixels are refused")
    exact_rows: int = Field(default=50_000, ge=0, description="vectors up to which a search compares every one")
    min_confidence: float | None = Field(default=None, ge=0, le=1, description="instead of the model's cutoff")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        folder = init_settings().get("library") or env_settings().get("library") or user_data_path("askpix")
        toml = TomlConfigSettingsSource(settings_cls, Path(folder) / "askpix.toml")
        return init_settings, env_settings, toml


def load_settings(**flags: Any) -> Settings:
    """Settings for one run; flags that are None count as not given, and those of the command line hold too.

    Raises AskpixError naming the setting that is wrong.
    """
    try:
        return Settings(**{**given(), **{name: value for name, value in flags.items() if value is not None}})
    except ValidationError as error:
        raise AskpixError(wrong_setting(error)) from error
    except ValueError as error:  # a file that is not TOML
        raise AskpixError(f"askpix.toml cannot be read: {error}") from error
