"""What Google's grpcio makes of a server: one JSON line. Messages are bytes here, so that no generated code is needed."""

import json
import sys

import grpc

address, path = sys.argv[1:]
PAYLOAD = b"grpcio " * 1000


def same(message):
    return message


def call(name, **options):
    method = channel.unary_unary(f"{path}/{name}", request_serializer=same, response_deserializer=same)
    try:
        return {"code": "OK", "same": method(PAYLOAD, timeout=30, **options) == PAYLOAD}
    except grpc.RpcError as error:
        return {"code": error.code().name, "details": error.details()}


with grpc.insecure_channel(address) as channel:
    stream = channel.stream_stream(f"{path}/Stream", request_serializer=same, response_deserializer=same)
    said = {
        "plain": call("Same"),
        "gzip": call("Same", compression=grpc.Compression.Gzip),
        "deflate": call("Same", compression=grpc.Compression.Deflate),
        "unknown": call("Nowhere"),
        "stream": [len(message) for message in stream(iter([b"a", b"bb" * 100_000]), timeout=30)],
    }
    waiting = channel.unary_unary(f"{path}/Never", request_serializer=same, response_deserializer=same)
    try:
        waiting(b"", timeout=0.2)
        said["late"] = "OK"
    except grpc.RpcError as error:
        said["late"] = error.code().name
print(json.dumps(said))
