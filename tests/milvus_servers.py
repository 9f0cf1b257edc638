"""Milvus on this machine: Milvus Lite's own server as a process that can be killed, and one that speaks as a cluster
does, with 16-bit vectors, filters sent as numbers, a version and a token, over Milvus Lite's engine."""

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from milvus_lite import MilvusLite
from milvus_lite.adapter.grpc.servicer import MilvusServicer
from pymilvus import DataType
from pymilvus.client.types import PlaceholderType
from pymilvus.grpc_gen import common_pb2, milvus_pb2, milvus_pb2_grpc, schema_pb2

from servers import free_port

_LARGEST = 64 << 20  # bytes of a message, as a cluster has it


@dataclass
class LiteServer:
    """Milvus Lite's server, a process of its own."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, again if it was killed, and wait until it answers."""
        command = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(self.folder)]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        latest = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None
            assert time.monotonic() < latest
            time.sleep(0.05)

    def pause(self) -> None:
        """Have it take in what it is asked, and not answer."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)  # its threads may go on for a moment

    def go_on(self) -> None:
        """Have it answer again."""
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


@dataclass
class Cluster:
    """A server that speaks as a cluster does: its address, and what it was asked to make."""

    url: str
    made: list[dict[str, Any]]


@contextmanager
def cluster(folder: Path, version: str = "v2.6.4", token: str = "") -> Iterator[Cluster]:
    """Serve as a cluster of that version, which lets in whoever has the token."""
    database = MilvusLite(str(folder))
    made: list[dict[str, Any]] = []
    servicer = _Servicer(database, version, made)
    options = [("grpc.max_receive_message_length", _LARGEST)]
    server = grpc.server(ThreadPoolExecutor(4), options=options, interceptors=[_Guard(token)] if token else [])
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield Cluster(f"http://127.0.0.1:{port}", made)
    finally:
        server.stop(grace=0).wait()
        database.close()


class _Guard(grpc.ServerInterceptor):
    """Lets in whoever has the token."""

    def __init__(self, token: str) -> None:
        self._wanted = base64.b64encode(token.encode()).decode()
        self._refuse = grpc.unary_unary_rpc_method_handler(
            lambda _, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure")
        )

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        shown = dict(details.invocation_metadata).get("authorization")
        return continuation(details) if shown == self._wanted else self._refuse


class _Servicer(MilvusServicer):
    """Milvus Lite, told in 32 bits and in text what it is asked in 16 bits and in numbers."""

    def __init__(self, database: MilvusLite, version: str, made: list[dict[str, Any]]) -> None:
        super().__init__(database)
        self._version, self._made = version, made

    def GetVersion(self, request: Any, context: Any) -> Any:  # noqa: N802
        return milvus_pb2.GetVersionResponse(status=common_pb2.Status(), version=self._version)

    def CreateCollection(self, request: Any, context: Any) -> Any:  # noqa: N802
        schema = schema_pb2.CollectionSchema()
        schema.ParseFromString(request.schema)
        self._made.append(
            {
                "shards": request.shards_num,
                "consistency": common_pb2.ConsistencyLevel.Name(request.consistency_level),
                "fields": {one.name: DataType(one.data_type).name for one in schema.fields},
            }
        )
        _retype(schema.fields, DataType.FLOAT16_VECTOR, DataType.FLOAT_VECTOR)
        request.schema = schema.SerializeToString()
        return super().CreateCollection(request, context)

    def CreateIndex(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._made.append({pair.key: pair.value for pair in request.extra_params})
        return super().CreateIndex(request, context)

    def DescribeCollection(self, request: Any, context: Any) -> Any:  # noqa: N802
        answer = super().DescribeCollection(request, context)
        _retype(answer.schema.fields, DataType.FLOAT_VECTOR, DataType.FLOAT16_VECTOR)
        return answer

    def Upsert(self, request: Any, context: Any) -> Any:  # noqa: N802
        for data in request.fields_data:
            if data.type == DataType.FLOAT16_VECTOR:
                values = np.frombuffer(data.vectors.float16_vector, np.float16)
                data.type = DataType.FLOAT_VECTOR
                data.vectors.float_vector.data.extend(values.astype(np.float32).tolist())
        return super().Upsert(request, context)

    def Search(self, request: Any, context: Any) -> Any:  # noqa: N802
        group = common_pb2.PlaceholderGroup()
        group.ParseFromString(request.placeholder_group)
        for one in group.placeholders:
            assert one.type == PlaceholderType.FLOAT16_VECTOR
            one.type = PlaceholderType.FloatVector
            one.values[:] = [np.frombuffer(value, np.float16).astype(np.float32).tobytes() for value in one.values]
        request.placeholder_group = group.SerializeToString()
        request.dsl = _filled_in(request.dsl, request)
        return super().Search(request, context)

    def Query(self, request: Any, context: Any) -> Any:  # noqa: N802
        request.expr = _filled_in(request.expr, request)
        answer = super().Query(request, context)
        for data in answer.fields_data:
            if data.type == DataType.FLOAT_VECTOR:
                values = np.array(data.vectors.float_vector.data, np.float32).astype(np.float16)
                data.type = DataType.FLOAT16_VECTOR
                data.vectors.float16_vector = values.tobytes()
        return answer


def _retype(fields: Any, old: DataType, new: DataType) -> None:
    for one in fields:
        if one.data_type == old:
            one.data_type = new


def _filled_in(words: str, request: Any) -> str:
    """A filter with the numbers that were sent along."""
    for name, value in request.expr_template_values.items():
        words = words.replace(f"{{{name}}}", str(list(value.array_val.long_data.data)))
    return words
