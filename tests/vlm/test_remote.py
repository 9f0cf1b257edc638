"""OpenAI-compatible servers: a real one, a flaky proxy before it, and servers that misbehave."""

import base64
import io
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import vlm
from hub_checkpoints import chat_model
from servers import Handle, flaky, free_port, reply, serving
from support import Askpix, records
from vlm.errors import AskpixError
from vlm.picture import open_picture
from vlm.runtime import Runtime

QUICK = Runtime(timeout=2, retries=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """`transformers serve` with a tiny chat model; its address and the model's name."""
    folder = chat_model(tmp_path_factory.mktemp("chat") / "chat")
    port = free_port()
    serve = ["serve", str(folder), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    command = [str(Path(sys.executable).parent / "transformers"), *serve]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HF_HUB_OFFLINE": "1"}
    ) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", process)
            yield f"http://127.0.0.1:{port}/v1", folder
        finally:
            process.terminate()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(240):
        assert process.poll() is None, "the server has ended"
        try:
            urllib.request.urlopen(address, timeout=1).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise AssertionError("the server does not start")


@pytest.fixture(scope="module")
def images(photos: Path) -> list[Image.Image]:
    return [open_picture(path, 64).image for path in sorted(photos.rglob("*.jpg"))[:6]]


def said(text: str | None, **more: Any) -> bytes:
    """What a well-behaved server answers."""
    return json.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop", **more}]}).encode()


def test_a_real_server_writes_and_answers_in_order(server: tuple[str, Path], images: list[Image.Image]) -> None:
    address, model = server
    remote = vlm.load(f"openai:{address}#{model}", Runtime(requests=3))
    written = remote.describe(remote.look(images))
    assert len(written) == len(images)
    assert [one.caption for one in written] == [remote.describe(remote.look([i]))[0].caption for i in images]
    answers = remote.answer(remote.look(images[:2]), ["what is it?", "what colour is it?"])
    assert len(answers) == 2
    assert all(answer.text for answer in answers)


def test_a_flaky_proxy_costs_retries_and_nothing_else(server: tuple[str, Path], images: list[Image.Image]) -> None:
    address, model = server
    faults = (reply(429, b"slow down", retry_after="1"), reply(500, b"oops"), None, reply(503, b""))
    direct = vlm.load(f"openai:{address}#{model}", Runtime(requests=1))
    with serving(flaky(address, *faults)) as (proxy, seen):
        remote = vlm.load(f"openai:{proxy}#{model}", Runtime(requests=2))
        written = remote.describe(remote.look(images))
        assert [one.caption for one in written] == [one.caption for one in direct.describe(direct.look(images))]
        assert len(seen.paths) == len(images) + len(faults)


def test_no_more_requests_are_in_hand_than_allowed(images: list[Image.Image]) -> None:
    lock, in_hand, most = threading.Lock(), 0, 0

    def handle(request: BaseHTTPRequestHandler, body: bytes) -> None:
        nonlocal in_hand, most
        with lock:
            in_hand += 1
            most = max(most, in_hand)
        time.sleep(0.2)
        with lock:
            in_hand -= 1
        reply(200, said("a photo"))(request, body)

    with serving(handle) as (address, _):
        remote = vlm.load(f"openai:{address}#m", Runtime(requests=2))
        remote.describe(remote.look(images))
    assert most == 2


def test_the_command_line_captions_and_asks_through_a_server(
    askpix: Askpix, server: tuple[str, Path], photos: Path, tmp_path: Path
) -> None:
    address, model = server
    name = f"openai:{address}#{model}"
    (written,) = records(askpix("caption", photos / "animals" / "cat.jpg", "--model", name, "--json"))
    assert written["caption"]
    done = askpix("index", photos / "animals", "--library", tmp_path, "--captioner", name, "--json")
    assert records(done)[-1]["refused"] == 0, done.stderr
    hits = records(askpix("search", "a cat", "--library", tmp_path, "--min-confidence", 0, "--json"))
    assert hits[0]["hits"][0]["caption"]
    refused = askpix("index", photos / "animals", "--library", tmp_path, "--model", name)
    assert refused.returncode == 2
    assert "cannot put pictures and texts into one space, only answer questions and write captions" in refused.stderr


def test_what_was_indexed_stays_when_the_server_breaks_down(askpix: Askpix, photos: Path, tmp_path: Path) -> None:
    count = 0

    def handle(request: BaseHTTPRequestHandler, body: bytes) -> None:
        nonlocal count
        count += 1
        (reply(200, said("a photo")) if count <= 36 else reply(400, b"out of credit"))(request, body)

    flags = ("--library", tmp_path, "--json", "--captioner")
    with serving(handle) as (address, _):
        broken = askpix("index", photos, *flags, f"openai:{address}#m")
    assert broken.returncode == 2
    assert broken.stderr.splitlines()[-1].startswith(f"askpix: {address} refuses (400); it says: out of credit")
    with serving(reply(200, said("a photo"))) as (address, seen):
        done = records(askpix("index", photos, *flags, f"openai:{address}#m"))[-1]
        assert len(seen.paths) == done["captioned"]
    assert done["unchanged"] == done["seen"] == done["captioned"] + 32


def test_pictures_are_sent_small_and_prompts_can_be_changed() -> None:
    with serving(reply(200, said('{"caption": "A cat.", "tags": ["Cat", "sofa", "cat"]}'))) as (address, seen):
        remote = vlm.load(f"openai:{address}#m", Runtime(remote_side=128, caption_prompt="Say it in {language}!"))
        (written,) = remote.describe(remote.look([Image.new("RGB", (4000, 3000), "red")]), "de")
    assert (written.caption, [tag.name for tag in written.tags]) == ("A cat.", ["cat", "sofa"])
    image, text = json.loads(seen.bodies[0])["messages"][0]["content"]
    assert text["text"] == "Say it in German!"
    sent = Image.open(io.BytesIO(base64.b64decode(image["image_url"]["url"].partition(",")[2])))
    assert (sent.format, sent.size) == ("JPEG", (128, 96))
    assert "Authorization" not in seen.headers[0]


def test_confidence_is_the_words_own_probability_where_it_is_told() -> None:
    words = {"content": [{"logprob": -0.1}, {"logprob": -0.3}]}
    with serving(reply(200, said("blue.", logprobs=words))) as (address, _):
        remote = vlm.load(f"openai:{address}#m")
        (answer,) = remote.answer(remote.look([Image.new("RGB", (9, 9))]), ["what colour?"])
    assert (answer.text, answer.confidence, answer.why) == ("blue", pytest.approx(0.8187, abs=1e-4), {})


def test_parameters_that_a_server_rejects_are_left_out() -> None:
    def handle(request: BaseHTTPRequestHandler, body: bytes) -> None:
        asked = json.loads(body)
        if "logprobs" in asked:
            reply(400, b'{"error": "logprobs is not supported"}')(request, body)
        elif "max_tokens" in asked:
            reply(400, b'{"error": "max_tokens is gone, use max_completion_tokens"}')(request, body)
        else:
            reply(200, said("yes"))(request, body)

    with serving(handle) as (address, seen):
        remote = vlm.load(f"openai:{address}#m")
        answers = remote.answer(remote.look([Image.new("RGB", (9, 9))] * 2), ["is it?"] * 2)
        first = len(seen.bodies)
        remote.answer(remote.look([Image.new("RGB", (9, 9))]), ["is it?"])
    assert [(one.text, one.confidence) for one in answers] == [("yes", 0.5)] * 2
    assert len(seen.bodies) == first + 1
    assert json.loads(seen.bodies[-1])["max_completion_tokens"] == 256


def test_a_server_that_says_nothing_leaves_the_question_open() -> None:
    with serving(reply(200, said(None, finish_reason="content_filter"))) as (address, _):
        remote = vlm.load(f"openai:{address}#m")
        seen = remote.look([Image.new("RGB", (9, 9))])
        (answer,) = remote.answer(seen, ["what?"])
        assert (answer.text, answer.confidence) == ("I can't tell", 0)
        assert "content_filter" in answer.why["reason"]
        assert remote.describe(seen)[0].caption == ""


def hang(request: BaseHTTPRequestHandler, _body: bytes) -> None:
    time.sleep(6)


def trickle(request: BaseHTTPRequestHandler, _body: bytes) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "100000")
    request.end_headers()
    for _ in range(60):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.1)


FAULTS: dict[str, tuple[Handle, str]] = {
    "html": (reply(200, b"<html><h1>It works!</h1>", "text/html"), r"not as an OpenAI-compatible server.*It works!"),
    "json without choices": (reply(200, b"{}"), "not as an OpenAI-compatible server"),
    "deep json": (reply(200, b"[" * 100_000), "not as an OpenAI-compatible server"),
    "hangs": (hang, "cannot be reached .*timed out"),
    "trickles": (trickle, r"breaks off its answers \(not done in 2 s; ASKPIX_TIMEOUT allows more\)"),
    "lies about its length": (reply(200, said("a cat"), length=9999), "breaks off its answers"),
    "is huge": (reply(200, b" " * 5_000_000), "sends more than 4 MB"),
    "cuts the connection": (flaky("", *[None] * 9), "cannot be reached"),
    "is broken": (reply(500, b"oops"), r"refuses \(500\); it says: oops"),
    "is too busy": (reply(429, b"busy"), r"asked too often \(429\): lower ASKPIX_REQUESTS"),
    "wants a key": (reply(401, b"no"), r"wants a key, or another one \(401\): set ASKPIX_API_KEY"),
    "moves": (reply(302, b"", Location="http://127.0.0.1:1/"), r"sends us elsewhere \(302\)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_at_fault_is_one_clear_line(fault: str) -> None:
    handle, line = FAULTS[fault]
    with serving(handle) as (address, _):
        remote = vlm.load(f"openai:{address}#m", QUICK)
        with pytest.raises(AskpixError, match=line) as raised:
            remote.describe(remote.look([Image.new("RGB", (9, 9))]))
    assert "\n" not in str(raised.value)
    assert address in str(raised.value)


def test_an_unknown_model_lists_the_nearest(server: tuple[str, Path]) -> None:
    def handle(request: BaseHTTPRequestHandler, body: bytes) -> None:
        models = {"data": [{"id": "qwen2.5vl:7b"}, {"id": "llama3"}]}
        found = reply(200, json.dumps(models).encode()) if request.path == "/v1/models" else reply(404, b"{}")
        found(request, body)

    with (
        serving(handle) as (address, _),
        pytest.raises(AskpixError, match=r'no model "qwen2vl".*models are qwen2.5vl:7b'),
    ):
        vlm.load(f"openai:{address}#qwen2vl", QUICK).describe(
            vlm.load(f"openai:{address}#m").look([Image.new("RGB", (9, 9))])
        )
    address, model = server
    with pytest.raises(AskpixError, match=str(model)):
        vlm.load(f"openai:{address}#other").describe(vlm.load(f"openai:{address}#m").look([Image.new("RGB", (9, 9))]))


def test_nothing_listens() -> None:
    remote = vlm.load(f"openai:http://127.0.0.1:{free_port()}/v1#m", QUICK)
    with pytest.raises(AskpixError, match=r"cannot be reached .*Connection refused.*is the server running"):
        remote.describe(remote.look([Image.new("RGB", (9, 9))]))


def test_the_key_goes_to_the_server_and_nowhere_else(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setenv("ASKPIX_API_KEY", "sk-very-secret")
    with serving(reply(418, b"your key sk-very-secret is not liked")) as (address, seen):
        remote = vlm.load(f"openai:{address}#m", QUICK)
        with pytest.raises(AskpixError) as raised:
            remote.describe(remote.look([Image.new("RGB", (9, 9))]))
    assert seen.headers[0]["Authorization"] == "Bearer sk-very-secret"
    assert "secret" not in str(raised.value) + repr(remote) + remote.name + caplog.text


def test_openai_s_key_goes_to_openai_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    with serving(reply(200, said("a cat"))) as (address, seen):
        remote = vlm.load(f"openai:{address}#m", QUICK)
        remote.describe(remote.look([Image.new("RGB", (9, 9))]))
    assert "Authorization" not in seen.headers[0]
    assert vlm.load("openai:https://api.openai.com/v1#gpt").server.key == "sk-other"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("openai:127.0.0.1:80#m", "is no address: write openai:http://HOST:PORT/v1#MODEL"),
        ("openai:http://127.0.0.1/v1", "is no address"),
        ("openai:http://me:secret@127.0.0.1/v1#m", "a key does not belong into the address"),
        ("openai:http://example.com/v1#m", "the key would go to example.com unencrypted"),
    ],
)
def test_a_wrong_address_is_said(name: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKPIX_API_KEY", "sk")
    with pytest.raises(AskpixError, match=line) as raised:
        vlm.load(name)
    assert "secret" not in str(raised.value)
