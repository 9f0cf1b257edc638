"""The examples for containers: they parse, name what exists, and hold no secrets."""

import re
import shlex
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from askpix import cli
from searcher import Library
from searcher.settings import Settings
from webui.app import create_app
from webui.serving import GRACE

HERE = Path(__file__).parent.parent
DEPLOY = HERE / "deploy"
FILES = sorted(DEPLOY.rglob("*.yaml"))
OTHERS = {"ASKPIX_MILVUS_TOKEN", "ASKPIX_API_KEY"}  # which are read where they are needed
SECRET = re.compile("PASSWORD|SECRET|TOKEN|KEY|CREDENTIAL", re.IGNORECASE)
Node = dict[str, Any]


def documents() -> Iterator[tuple[Path, Node]]:
    """Each document of each file."""
    for file in FILES:
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            yield file, document


def nodes(of: Any) -> Iterator[Node]:
    """Each mapping in a document."""
    if isinstance(of, dict):
        yield of
        of = list(of.values())
    if isinstance(of, list):
        for one in of:
            yield from nodes(one)


MANIFESTS = [document for file, document in documents() if file.parent.name == "kubernetes"]
KINDS = {(one["kind"], one["metadata"]["name"]): one for one in MANIFESTS}
COMPOSE: Node = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
CONTAINERS = [one for manifest in MANIFESTS for node in nodes(manifest) for one in node.get("containers", [])]


def known_variables() -> set[str]:
    """What askpix takes from the environment: its settings, and the options that say so."""
    options = {
        str(parameter.envvar)
        for command in cli.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.envvar
    }
    return options | OTHERS | {f"ASKPIX_{name.upper()}" for name in Settings.model_fields}


def parses(arguments: list[str]) -> None:
    """Raise unless the command line takes these arguments."""
    _name, command, rest = cli.resolve_command(click.Context(cli), list(arguments))
    assert command is not None
    while isinstance(command, click.Group):
        _name, command, rest = command.resolve_command(click.Context(command), rest)
        assert command is not None
    command.make_context(command.name, rest).close()


def test_there_is_what_the_guide_speaks_of() -> None:
    kinds = {kind for kind, _name in KINDS}
    assert {"Deployment", "Service", "Ingress", "PersistentVolumeClaim", "ConfigMap", "Job", "RayCluster"} <= kinds
    assert {"askpix", "proxy", "postgres", "milvus", "etcd", "minio"} == set(COMPOSE["services"])


def test_images_are_pinned() -> None:
    images = [node["image"] for _file, document in documents() for node in nodes(document) if "image" in node]
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    images += re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    assert len(images) >= 10
    for image in images:
        name, _, tag = image.rpartition(":")
        assert name, image
        assert re.search(r"\d+\.\d+|RELEASE\.\d{4}-", tag), image
    assert {image for image in images if image.startswith("askpix")} == {f"askpix:{version('askpix')}"}


def test_variables_are_known_ones() -> None:
    named = set(COMPOSE["services"]["askpix"]["environment"])
    named |= set(KINDS["ConfigMap", "askpix-settings"]["data"])
    named |= {one["name"] for container in CONTAINERS for one in container.get("env", [])}
    for file in (DEPLOY / "Dockerfile", DEPLOY / "askpix@.service", DEPLOY / "env.example"):
        named |= set(re.findall(r"\bASKPIX_[A-Z_]+", file.read_text(encoding="utf-8")))
    named |= set(re.findall(r"\{\$(\w+)\}", (DEPLOY / "Caddyfile").read_text(encoding="utf-8")))
    assert {name for name in named if name.startswith("ASKPIX")} <= known_variables()
    assert {name for name in named if not name.startswith("ASKPIX")} <= {"PGPASSWORD", "XDG_CACHE_HOME"}


def test_values_of_settings_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in (COMPOSE["services"]["askpix"]["environment"], KINDS["ConfigMap", "askpix-settings"]["data"]):
        for name, value in settings.items():
            monkeypatch.setenv(name, "photos.example.org" if name == "ASKPIX_NAME" else value)
        context = cli.commands["serve"].make_context("serve", [])
        assert context.params["names"] == ("photos.example.org",)
        assert context.params["behind_proxy"] is True
        assert Settings().catalog == "postgresql://askpix@postgres/askpix"
        assert Settings().milvus == "http://milvus:19530"
        context.close()


def test_commands_are_taken() -> None:
    lines = [container["args"] for container in CONTAINERS if "args" in container]
    assert len(lines) == 2
    unit = re.search(r"^ExecStart=\S+/askpix (.+)$", (DEPLOY / "askpix@.service").read_text(), re.MULTILINE)
    assert unit
    lines.append(shlex.split(unit[1].replace("%i", "8081")))
    for file in FILES:
        for said in re.findall(r"^# .*?(?:--rm|--) askpix (.+?)(?:  +#.*)?$", file.read_text(), re.MULTILINE):
            lines.append(shlex.split(said.removeprefix("askpix ")))
    assert len(lines) >= 5
    for line in lines:
        parses(line)


def test_probes_ask_for_what_is_there(demo_library: Library) -> None:
    routes = {rule.rule for rule in create_app(demo_library).url_map.iter_rules()}
    probes = [node["httpGet"] for manifest in MANIFESTS for node in nodes(manifest) if "httpGet" in node]
    assert {probe["path"] for probe in probes} == {"/healthz", "/readyz"} <= routes
    assert {probe["port"] for probe in probes} == {"http"}
    (serve,) = [one for one in CONTAINERS if one.get("ports")]
    assert serve["ports"] == [{"name": "http", "containerPort": 8080}]
    assert serve["livenessProbe"]["httpGet"]["path"] == "/healthz", "an outage of the catalog starts nothing anew"
    assert "127.0.0.1:8080/readyz" in (DEPLOY / "Dockerfile").read_text()
    for file in ("Caddyfile", "nginx.conf"):
        kept_in = (DEPLOY / file).read_text()
        assert all(path in kept_in for path in ("healthz", "readyz", "metrics")), file


def test_what_is_named_is_there() -> None:
    secrets = {"askpix-catalog", "askpix-tls"}  # made by hand, as the files say
    for manifest in MANIFESTS:
        for node in nodes(manifest):
            if "claimName" in node:
                assert ("PersistentVolumeClaim", node["claimName"]) in KINDS
            if "configMapRef" in node:
                assert ("ConfigMap", node["configMapRef"]["name"]) in KINDS
            if "secretKeyRef" in node:
                assert node["secretKeyRef"]["name"] in secrets
            if {"volumeMounts", "image"} <= set(node):
                pod = next(one for one in nodes(manifest) if node in one.get("containers", []))
                assert {one["name"] for one in node["volumeMounts"]} <= {one["name"] for one in pod["volumes"]}
    deployment, service = KINDS["Deployment", "askpix"], KINDS["Service", "askpix"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels == service["spec"]["selector"]
    assert KINDS["PodDisruptionBudget", "askpix"]["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["ports"][0]["targetPort"] == "http"
    (rule,) = KINDS["Ingress", "askpix"]["spec"]["rules"]
    assert rule["http"]["paths"][0]["backend"]["service"] == {"name": "askpix", "port": {"name": "http"}}
    assert rule["host"] == KINDS["ConfigMap", "askpix-settings"]["data"]["ASKPIX_NAME"]
    services, volumes = COMPOSE["services"], COMPOSE["volumes"]
    for one in services.values():
        assert set(one.get("depends_on", {})) <= set(services)
        mounted = {volume.partition(":")[0] for volume in one["volumes"]}
        assert {name for name in mounted if name.isalpha()} <= set(volumes)
    examples = set(re.findall(r"^(\w+)=", (DEPLOY / "env.example").read_text(), re.MULTILINE))
    assert set(re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose.yaml").read_text())) == examples


def test_there_is_time_to_end() -> None:
    pod = KINDS["Deployment", "askpix"]["spec"]["template"]["spec"]
    pause = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > pause + GRACE
    assert int(COMPOSE["services"]["askpix"]["stop_grace_period"].removesuffix("s")) > GRACE
    stops = re.search(r"^TimeoutStopSec=(\d+)$", (DEPLOY / "askpix@.service").read_text(), re.MULTILINE)
    assert stops
    assert int(stops[1]) > GRACE


def test_no_secrets_are_written_down() -> None:
    for container in CONTAINERS:
        for one in container.get("env", []):
            assert ("value" not in one) or not SECRET.search(one["name"])
    settings = KINDS["ConfigMap", "askpix-settings"]["data"]
    assert not [name for name in settings if SECRET.search(name)]
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            assert not SECRET.search(name) or re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), name
    for file in DEPLOY.rglob("*"):
        if file.is_file():
            assert not re.search(r"//\w+:[^@$\s{]+@", file.read_text(encoding="utf-8")), file
    assert "Secret" not in {kind for kind, _name in KINDS}
    empty = re.findall(r"^\w*PASSWORD=(.*)$", (DEPLOY / "env.example").read_text(), re.MULTILINE)
    assert set(empty) == {""}


def test_the_walk_through_a_hundred_million_can_be_walked() -> None:
    for page in ("hundred-million.md", "serving.md"):
        commands = list(commands_of(HERE / "docs" / page))
        assert len(commands) >= 2, page
        for command in commands:
            parses(command)


def commands_of(page: Path) -> Iterator[list[str]]:
    """The arguments of each askpix command in the shell blocks of a page."""
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if "askpix" in words:
                yield words[words.index("askpix") + 1 :]
