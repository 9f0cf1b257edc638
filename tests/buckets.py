"""A server on loopback that speaks S3, and its credentials in the environment."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch
from urllib.request import Request, urlopen

from moto.server import ThreadedMotoServer

from searcher import ranges

KEYS = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "not-a-secret", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def bucket(name: str) -> Iterator[str]:
    """A bucket that is empty, by its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        address = f"http://{host}:{port}"
        urlopen(Request(f"{address}/moto-api/reset", method="POST")).close()  # it forgets nothing by itself
        with environment(AWS_ENDPOINT_URL=address):
            files, _ = ranges.opened(f"s3://{name}")
            files.mkdir(name)
            yield f"s3://{name}"
    finally:
        server.stop()


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """With these variables, and without other credentials; what was connected before is connected anew."""
    others = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    files = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    files["AWS_EC2_METADATA_DISABLED"] = "true"
    with patch.dict(os.environ, {**others, **files, **KEYS, **values}, clear=True):
        forget()
        yield
    forget()


def forget() -> None:
    """Have what is connected to forgotten."""
    import s3fs

    ranges._store.cache_clear()
    ranges._GIVEN_UP.clear()
    s3fs.S3FileSystem.clear_instance_cache()


def put(address: str, **contents: bytes) -> None:
    """Write objects below an address."""
    files, path = ranges.opened(address)
    for name, content in contents.items():
        files.pipe(f"{path}/{name}", content)
