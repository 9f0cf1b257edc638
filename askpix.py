"""askpix, the front door: assembles the verbs that each room defines in its commands.py."""

import sys

import click

import indexer.care_commands
import indexer.catalog_commands
import indexer.commands
import indexer.vector_commands
import searcher.album_commands
import searcher.ask_commands
import searcher.commands
import searcher.completion
import searcher.export_commands
import searcher.model_commands
import vlm.commands
import vlm.editing.commands
import webui.accounts_commands
import webui.commands
import webui.mcp_commands
import webui.plan_commands
from vlm.console import note
from vlm.errors import AskpixError


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog="Start with: askpix index ~/Pictures")
@click.version_option(package_name="askpix")
def cli() -> None:
    """Ask your pictures: captions, search and answers for any photo library, offline."""


for verb in (
    indexer.commands.index,
    indexer.commands.prune,
    indexer.commands.runs,
    indexer.vector_commands.vectors,
    searcher.commands.search,
    searcher.commands.similar,
    searcher.album_commands.albums,
    searcher.album_commands.correct,
    searcher.ask_commands.ask,
    searcher.ask_commands.columns,
    vlm.commands.caption,
    vlm.commands.explain,
    vlm.editing.commands.edit,
    webui.commands.serve,
    webui.accounts_commands.accounts,
    webui.mcp_commands.mcp,
    webui.plan_commands.plan,
    vlm.commands.evaluate,
    vlm.commands.train,
    searcher.commands.duplicates,
    searcher.export_commands.export,
    searcher.export_commands.import_,
    searcher.model_commands.models,
    indexer.care_commands.doctor,
    indexer.catalog_commands.db,
    indexer.care_commands.backup,
    indexer.care_commands.restore,
    searcher.completion.completion,
):
    cli.add_command(verb)


def main() -> None:
    """Run askpix; exit status 0 done, 2 the user's error, 3 some inputs refused, 130 interrupted."""
    try:
        cli(standalone_mode=False)
    except AskpixError as error:
        note(f"askpix: {error}")
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of a pipe, such as head, has had enough
        sys.stdout = None
        sys.exit(0)
    except (click.Abort, KeyboardInterrupt):
        note("askpix: interrupted; what was done so far is kept")
        sys.exit(130)


if __name__ == "__main__":
    main()
