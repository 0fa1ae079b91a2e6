"""Reads vector tiles: as much of Mapbox Vector Tiles 2.1 and of Protocol Buffers as tests of areas need."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass
class Feature:
    """A feature of a layer."""

    id: int
    properties: dict[str, Any]
    positions: list[tuple[int, int]]
    """The corners of all of its rings, in units of the tile."""


def read_layers(content: bytes) -> dict[str, list[Feature]]:
    """The features of each layer by its name."""
    layers = {}
    for number, layer in fields(content):
        assert number == 3
        found = list(fields(layer))
        keys = [value.decode() for n, value in found if n == 3]
        values = [_value(value) for n, value in found if n == 4]
        (name,) = (value.decode() for n, value in found if n == 1)
        layers[name] = [_feature(value, keys, values) for n, value in found if n == 2]
    return layers


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message: their numbers, and integers or bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        size = {1: 8, 5: 4}.get(tag & 7)
        if size is None:
            size, at = _varint(message, at)
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _value(message: bytes) -> Any:
    ((number, value),) = fields(message)
    if number == 1:
        return value.decode()
    return struct.unpack("<d", value)[0] if number == 3 else value


def _feature(message: bytes, keys: list[str], values: list[Any]) -> Feature:
    found = dict(fields(message))
    tags = _packed(found.get(2, b""))
    properties = {keys[k]: values[v] for k, v in zip(tags[::2], tags[1::2], strict=True)}
    return Feature(found.get(1, 0), properties, _positions(_packed(found[4])))


def _packed(message: bytes) -> list[int]:
    numbers, at = [], 0
    while at < len(message):
        number, at = _varint(message, at)
        numbers.append(number)
    return numbers


def _positions(commands: list[int]) -> list[tuple[int, int]]:
    positions, x, y, left = [], 0, 0, iter(commands)
    for command in left:
        if command & 7 == 7:
            continue
        for _ in range(command >> 3):
            x, y = x + _zigzag(next(left)), y + _zigzag(next(left))
            positions.append((x, y))
    return positions


def _zigzag(number: int) -> int:
    return (number >> 1) ^ -(number & 1)
