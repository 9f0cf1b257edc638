"""A Ray cluster that work is spread over: started on this machine for a while, or joined where it runs, and left."""

import logging
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from searcher.elsewhere import TAR
from vlm.errors import AskpixError, first_line
from vlm.extras import need

LOCAL = "local"
OBJECTS = 512 << 20  # bytes for what is on its way between the processes of a cluster on this machine
_LISTENS_S, _ANSWERS_S, _LOOKS_S = 5, 30, 120  # waited for a connection, for Ray's answer, for every machine's
# Ray reads these when it is imported and as it starts; they hold for what this process starts.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # has a warning about it left out
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
}
_UNAUTHENTICATED = "InvalidAuthToken"
_RESOURCES = ("CPU", "GPU", "object_store_memory")
_LOCALHOST = ("127.", "localhost:", "[::1]:")
# On a Mac and on Windows a cluster of one machine listens on loopback alone; this says that it is to here too.
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


@dataclass(frozen=True)
class Cluster:
    """What the cluster has that this process is joined to: processors, GPUs, machines, and bytes for objects."""

    address: str
    cpus: int
    gpus: int
    machines: int
    objects: int

    def __str__(self) -> str:
        counted = [_counted(self.machines, "machine"), _counted(self.cpus, "processor"), _counted(self.gpus, "GPU")]
        return f"Ray at {self.address}: {', '.join(one for one in counted if one)}"

    def check(self, roots: Sequence[Path | str]) -> None:
        """Raises AskpixError unless every machine has this askpix and sees the same files and folders."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = version("askpix")
        look = ray.remote(num_cpus=0, max_retries=0)(_look_around)
        asked = {
            look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(
                [str(root).removeprefix(TAR) for root in roots if isinstance(root, Path) or root.startswith(f"{TAR}/")]
            ): node["NodeManagerAddress"]
            for node in _alive()
        }
        _, silent = ray.wait(list(asked), num_returns=len(asked), timeout=_LOOKS_S)
        for told, machine in asked.items():
            if told in silent:
                raise AskpixError(f"the machine {machine} does not answer; mend it, or take it out of the cluster")
            try:
                there, unseen = ray.get(told)
            except ray.exceptions.RayError as error:
                raise AskpixError(
                    f"askpix cannot be run on the machine {machine} ({_cause(error)}); install askpix {here} there, "
                    "at the same place as here"
                ) from error
            if there != here:
                raise AskpixError(f"the machine {machine} has askpix {there}, and this one {here}; install the same")
            if unseen:
                raise AskpixError(
                    f"there is nothing at {unseen[0]} on the machine {machine}; mount it there at the same place"
                )


@contextmanager
def join(address: str, *, cpus: int | None = None, objects: int = OBJECTS) -> Iterator[Cluster]:
    """The cluster at `address` (HOST:PORT, or auto: that of this machine), or with "local" one that lives as long as
    this, of this machine's processors or `cpus`, with `objects` bytes of shared memory; it listens on loopback alone.

    Raises AskpixError when Ray is not installed, or there is no cluster that this process can join.
    """
    need("cluster", "ray", "pyarrow")
    local = address == LOCAL
    loopback = local or address.startswith(_LOCALHOST)
    os.environ.update(_QUIET | (_LOOPBACK if loopback else {}))
    if local:  # with a token of its own, which Ray would write into the user's home
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    else:
        _call(address)
    import ray

    # What Ray writes, spilled objects included, goes with the cluster; its sockets must lie at short paths.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) if local else nullcontext() as scratch:
        own = {"num_cpus": cpus, "object_store_memory": objects, "include_dashboard": False, "_temp_dir": scratch}
        try:
            yield _start(address, own if local else {})
        finally:
            ray.shutdown()


def _start(address: str, own: dict[str, Any]) -> Cluster:
    import ray
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    # Whatever befalls a worker, which Ray makes good, would be told on standard output, among the results.
    ray._private.worker._worker_logs_enabled = False
    try:
        with _hushed():
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, **own)
    except Exception as error:  # of whatever kind; Ray's own share no base
        raise AskpixError(_refused(address, error)) from error
    nodes = [node["Resources"] for node in _alive()]
    cpus, gpus, objects = (int(sum(node.get(name, 0) for node in nodes)) for name in _RESOURCES)
    if not cpus:
        raise AskpixError(f"the cluster at {address} has no processors; add a machine to it, with: ray start")
    return Cluster(address, cpus, gpus, len(nodes), objects)


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep from people what Ray's parts that are not Python write as they start, which nothing else turns off."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _call(address: str) -> None:
    """Raises AskpixError unless Ray answers there within seconds; Ray itself would try for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise AskpixError(
            f"{address} is no address of a Ray cluster; name local, auto, or HOST:PORT, such as head:6379"
        )
    try:
        socket.create_connection((host, int(port)), _LISTENS_S).close()
    except OSError as error:
        raise AskpixError(
            f"nobody listens at {address} ({error.strerror or error}); is Ray started there, with: "
            f"ray start --head --port={port}"
        ) from error
    said = _answer(address)
    if _UNAUTHENTICATED in said:  # by its token, which this machine may have
        os.environ["RAY_AUTH_MODE"] = "token"
        if said := _answer(address):
            raise AskpixError(f"the cluster at {address} wants its token; copy ~/.ray/auth_token from there")
    if said:
        raise AskpixError(f"what listens at {address} does not answer as Ray {version('ray')} does; see: ray status")


def _answer(address: str) -> str:
    """What Ray says against the cluster at an address, in a process of its own, which whoever listens may hold up."""
    command = "from ray.scripts.scripts import main; main()"
    asked = [sys.executable, "-c", command, "health-check", "--skip-version-check", "--address", address]
    with tempfile.TemporaryFile("w+") as said:
        try:
            done = subprocess.run(asked, stdout=said, stderr=said, timeout=_ANSWERS_S, check=False)
        except subprocess.TimeoutExpired:
            return "nothing"
        said.seek(0)
        return (said.read() or "nothing") if done.returncode else ""


def _refused(address: str, error: Exception) -> str:
    said = " ".join(str(error).split())
    if "ersion mismatch" in said:
        said = said.removeprefix("Version mismatch: ")
        return f"the cluster at {address} is of another version: {said[:300]}"
    return f"Ray at {address} cannot be joined: {said[:300]}"


def _look_around(roots: list[str]) -> tuple[str, list[str]]:
    """Run on each machine: the version of askpix there, and the files and folders that it does not see."""
    import indexer.cluster.workers  # noqa: F401  whatever it needs must be there too

    return version("askpix"), [root for root in roots if not os.path.lexists(root)]


def _alive() -> list[dict[str, Any]]:
    import ray

    machines: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [machine for machine in machines if machine["Alive"]]


def _cause(error: BaseException) -> str:
    return first_line(getattr(error, "cause", None) or error)


def _counted(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}" if number else ""
