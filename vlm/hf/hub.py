"""Where a model of the hub lies on this machine: fetched once, kept at its revision, used offline ever after."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

from vlm.errors import AskpixError, first_line
from vlm.fingerprint import fingerprint
from vlm.known import known

_READ = (".json", ".txt", ".model", ".jinja", ".py")


def located(rest: str) -> tuple[Path, str]:
    """The folder of a model and the name that it is stored by: its commit, or its weights' fingerprint, included.

    Raises AskpixError when there is neither such a folder nor such a repository, or it cannot be fetched.
    """
    folder = Path(rest).expanduser()
    if folder.is_dir():
        return folder, f"hf:{folder.absolute().name}#{fingerprint(*weights(folder))}"[:200]
    repository, _, revision = rest.partition("@")
    if repository.count("/") != 1 or repository.startswith((".", "~", "/")):
        raise AskpixError(
            f'there is no folder "{rest}", and a model of the hub is named hf:ORG/NAME{_near(repository)}'
        )
    found = _kept(repository, revision or None) or _fetched(repository, revision or None)
    return found, f"hf:{repository}@{found.name[:12]}"


def weights(folder: Path) -> list[Path]:
    """The folder's files of weights, safetensors if there are any."""
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))


def _kept(repository: str, revision: str | None) -> Path | None:
    """The repository as it was fetched before, if it is whole."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(repository, revision=revision, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return folder if all((folder / shard).is_file() for shard in shards) else None
    return folder if weights(folder) else None


def _fetched(repository: str, revision: str | None) -> Path:
    """Fetch what is needed of a repository, showing how it goes; an interrupted download is resumed."""
    from huggingface_hub import HfApi, snapshot_download

    with fetching(repository, revision):
        files = HfApi().list_repo_files(repository, revision=revision)
        return Path(snapshot_download(repository, revision=revision, allow_patterns=_wanted(files)))


@contextmanager
def fetching(repository: str, revision: str | None) -> Iterator[None]:
    """What goes wrong in fetching from a repository, as an AskpixError."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        yield
    except AskpixError:
        raise
    except GatedRepoError as error:
        raise AskpixError(
            f"{repository} asks you to agree to its terms first: do so on its page, then: hf auth login"
        ) from error
    except RevisionNotFoundError as error:
        raise AskpixError(
            f"{repository} has no revision {revision}; leave @{revision} away, or name another"
        ) from error
    except RepositoryNotFoundError as error:
        raise AskpixError(f"the hub has no {repository}, or none for you{_near(repository)}") from error
    except Exception as error:  # no network fails in a way of its own in each library below
        raise AskpixError(
            f"{repository} is not on this machine and cannot be fetched ({first_line(error)}): run `hf download "
            f"{repository}` where there is a network and copy its cache here (HF_HOME), or name a folder: hf:FOLDER"
        ) from error


def _wanted(files: list[str]) -> list[str]:
    """Of a repository's files those that are read; weights in one form only."""
    top = [name for name in files if "/" not in name]
    safe = [name for name in top if name.endswith(".safetensors")]
    return [name for name in top if name.endswith(_READ)] + (safe or [name for name in top if name.endswith(".bin")])


def _near(repository: str) -> str:
    names = [model.repository for model in known() if model.name.startswith("hf:")]
    near = get_close_matches(repository, names, 3, 0.4)
    return f"; did you mean {' or '.join(near)}?" if near else ""
