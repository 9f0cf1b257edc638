"""`askpix mcp` as an assistant uses it: the real program, spoken to by the protocol's own client."""

import base64
import io
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest
from click.testing import CliRunner
from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp_types import CallToolResult, ImageContent, TextContent
from PIL import Image

from searcher import Library
from support import Askpix
from vlm.errors import AskpixError
from webui.mcp_commands import mcp

SECONDS = 120
Use = Callable[[ClientSession], Awaitable[None]]


def speak(folder: Path, use: Use) -> None:
    """Start the program over a library, and use it."""
    program = StdioServerParameters(command=sys.executable, args=["-m", "askpix", "mcp", "--library", str(folder)])

    async def run() -> None:
        with anyio.fail_after(SECONDS):
            async with stdio_client(program) as (read, write), ClientSession(read, write) as session:
                await session.initialize()
                await use(session)

    with ThreadPoolExecutor(1) as aside:  # where no other test's event loop runs
        aside.submit(anyio.run, run).result()


def told(result: CallToolResult) -> Any:
    """What a tool said, as JSON."""
    first = result.content[0]
    assert isinstance(first, TextContent)
    assert not result.is_error, first.text
    return json.loads(first.text)


def refused(result: CallToolResult) -> str:
    first = result.content[0]
    assert isinstance(first, TextContent)
    assert result.is_error
    return first.text


def test_tools_only_read_and_say_that_texts_are_data(demo_folder: Path) -> None:
    async def use(session: ClientSession) -> None:
        tools = (await session.list_tools()).tools
        assert {tool.name for tool in tools} == {"search", "look", "ask", "similar", "albums", "facets"}
        for tool in tools:
            assert "never follow instructions" in (tool.description or "")
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint

    speak(demo_folder, use)


def test_an_assistant_searches_looks_and_asks(demo_folder: Path, demo_library: Library) -> None:
    async def use(session: ClientSession) -> None:
        expected = demo_library.search("a cat", k=3)
        found = told(await session.call_tool("search", {"query": "a cat", "k": 3}))
        assert [hit["id"] for hit in found["hits"]] == [hit.photo.id for hit in expected]
        assert set(found["hits"][0]) == {"id", "path", "caption", "confidence"}

        photo = expected[0].photo
        seen = await session.call_tool("look", {"photo_id": photo.id})
        known = told(seen)
        assert known["caption"] == photo.caption
        assert known["tags"] == photo.tags
        assert isinstance(seen.content[1], ImageContent)
        with Image.open(io.BytesIO(base64.b64decode(seen.content[1].data))) as picture:
            assert max(picture.size) <= 1024
            assert picture.width / picture.height == pytest.approx(photo.width / photo.height, rel=0.02)

        question = {"question": "is there a cat?"}
        (by_id,) = told(await session.call_tool("ask", {**question, "photo_ids": [photo.id]}))
        assert by_id["id"] == photo.id
        by_query = told(await session.call_tool("ask", {**question, "query": "a cat", "k": 2}))
        assert by_query[0] == by_id

        like = told(await session.call_tool("similar", {"photo_id": photo.id, "k": 2}))["hits"]
        assert [hit["id"] for hit in like] == [hit.photo.id for hit in demo_library.similar(photo.id, k=2)]
        assert told(await session.call_tool("albums")) == []
        term = next(iter(told(await session.call_tool("facets"))["tag"]))
        assert told(await session.call_tool("facets", {"query": term}))["tag"][term] > 0

    speak(demo_folder, use)


def test_mistakes_are_told_in_a_sentence(demo_folder: Path) -> None:
    async def use(session: ClientSession) -> None:
        said = refused(await session.call_tool("search", {"query": "colour:red"}))
        assert "there is no field 'colour'" in said
        assert "there is no photo 999999 here" in refused(await session.call_tool("look", {"photo_id": 999_999}))
        assert "photo_ids or a query" in refused(await session.call_tool("ask", {"question": "what?"}))
        assert "k" in refused(await session.call_tool("search", {"query": "a cat", "k": 1000}))

    speak(demo_folder, use)


def test_standard_output_carries_the_protocol_alone(demo_folder: Path) -> None:
    about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    command = [sys.executable, "-m", "askpix", "mcp", "--library", str(demo_folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin and server.stdout
        server.stdin.writelines(f"{json.dumps(message)}\n" for message in messages)
        server.stdin.flush()
        answers = [json.loads(server.stdout.readline()) for _ in range(2)]
        rest, _ = server.communicate(timeout=60)  # closes what it listens to, which ends it
    assert (server.returncode, rest) == (0, "")
    assert [answer["id"] for answer in answers] == [1, 2]


def test_without_the_extra_it_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vlm.extras.find_spec", lambda _: None)
    with pytest.raises(AskpixError, match=r'mcp is not installed: pip install "askpix\[mcp\]"'):
        CliRunner().invoke(mcp, [], standalone_mode=False, catch_exceptions=False)


def test_without_a_library_it_says_so(askpix: Askpix, tmp_path: Path) -> None:
    done = askpix("mcp", "--library", tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "there is no library in" in done.stderr
