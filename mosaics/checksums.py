"""Checksums as an item states them: of a file, and of its blocks.

Each block of a landed file has a CRC-32C (RFC 3720, appendix B.4) of its bytes, 4 bytes each, least first,
row by row; one text in base64 for full resolution and for each overview.
"""

import base64
import binascii

SHA256 = "1220"
"""How a multihash of SHA-256 begins: the function, and 32 bytes of length (multiformats.io/multihash)."""
FIELD = "tilewatch:block_crc32c"
"""Of an asset: the texts."""
MASKED = "tilewatch:masked_block_crc32c"
"""Of an asset whose file has a mask: the texts once more, of blocks together with their part of the mask."""
HEAD = "tilewatch:head_crc32c"
"""Of an asset: how many bytes of its file come before the first block, and their checksum."""
BYTES = 4
"""Of a checksum."""


def read_checksums(stated: object) -> tuple[bytes, ...]:
    """Return the checksums that an asset states, by level; none where it states none, or not so."""
    if not isinstance(stated, list):
        return ()
    try:
        return tuple(base64.b64decode(text, validate=True) for text in stated)
    except (TypeError, ValueError, binascii.Error):
        return ()


def read_head(stated: object) -> tuple[int, int] | None:
    """Return what an asset states of the head of its file; None where it states nothing, or not so."""
    if isinstance(stated, list) and len(stated) == 2 and all(type(number) is int for number in stated):
        return stated[0], stated[1]
    return None


def written_checksums(levels: list[bytes]) -> list[str]:
    """Return checksums by level as an asset states them."""
    return [base64.b64encode(level).decode() for level in levels]
