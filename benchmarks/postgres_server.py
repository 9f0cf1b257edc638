"""A real PostgreSQL server, started as an ordinary user and ended again, for benchmarks and tests."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

UNPACKED = Path(__file__).parent.parent / ".cache" / "debian" / "root"  # where bin/debian puts what it may not install
USER, PASSWORD = "askpix", "correct horse"
_ICU = ("--locale-provider=icu", "--icu-locale=en-US")  # whose order of texts is another than SQLite's
# For tests: nothing of them is to outlast them, so nothing need reach the disk.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "32MB"}


@dataclass
class Server:
    """A server that listens on loopback, in a folder of its own; it may be stopped and started again."""

    folder: Path
    port: int
    programs: Path
    settings: Mapping[str, str]

    def url(self, database: str, password: str = PASSWORD) -> str:
        """The address of one of its databases."""
        return f"postgresql://{USER}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Carry out a statement as its owner; the rows, if it gives any."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            done = connection.execute(statement)  # type: ignore[arg-type]
            return done.fetchall() if done.description else []

    def make(self, name: str | None = None, template: str = "template0") -> str:
        """Make a database; its address."""
        name = name or f"test_{uuid.uuid4().hex}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {**self.settings, "port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        options = " ".join(f"-c {name}={value!r}" for name, value in settings.items())
        self._control("start", "-w", "-o", options, "-l", str(self.folder / "log"))

    def stop(self) -> None:
        """Stop it at once, whoever is connected; nothing committed is lost."""
        self._control("stop", "-w", "-m", "fast")

    def _control(self, *what: str) -> None:
        _as_ordinary_user([self.programs / "pg_ctl", "-D", self.folder / "data", *what])


@contextmanager
def serving(settings: Mapping[str, str] = FAST) -> Iterator[Server]:
    """A server of one's own, ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="askpix-postgres-") as name:
        folder = Path(name)
        server = Server(folder, _free_port(), _programs(), settings)
        (folder / "password").write_text(PASSWORD)
        if owner := _owner():
            for path in (folder, folder / "password"):
                shutil.chown(path, owner.pw_uid, owner.pw_gid)
        how = ["--auth=scram-sha-256", f"--username={USER}", f"--pwfile={folder / 'password'}", "--no-sync"]
        where = ["-D", folder / "data", "--encoding=UTF8", "--locale=C.UTF-8", *_ICU]
        _as_ordinary_user([server.programs / "initdb", *where, *how])
        server.start()
        try:
            yield server
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                server._control("stop", "-w", "-m", "immediate")


def _programs() -> Path:
    """The folder of the newest server's programs, as Debian installs them, or as bin/debian unpacks them."""
    places = [root / "usr/lib/postgresql" for root in (Path("/"), UNPACKED)]
    found = [path.parent for place in places for path in place.glob("*/bin/initdb")]
    if not found:
        raise SystemExit("there is no PostgreSQL server; bin/debian gets it")
    return max(found, key=lambda path: int(path.parent.name))


def _owner() -> pwd.struct_passwd | None:
    """Whom the server belongs to, if it cannot be whoever runs the tests: it refuses to be root's."""
    return pwd.getpwnam("nobody") if os.getuid() == 0 else None


def _as_ordinary_user(command: list[str | Path]) -> None:
    owner = _owner()
    user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}
    libraries = UNPACKED.with_name("libraries")
    if UNPACKED in Path(command[0]).parents:
        user["env"] = {**os.environ, "LD_LIBRARY_PATH": libraries.read_text().strip()}
    # Its output goes to files: a pipe would stay open as long as the server runs.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            list(map(str, command)), stdout=said, stderr=said, check=False, cwd="/", timeout=120, **user
        )
        said.seek(0)
        assert done.returncode == 0, said.read().decode(errors="replace")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
