"""Text of files that is UTF-8, or what programs wrote before it was."""


def text_of(content: bytes) -> str:
    """Return text: UTF-8 if it is that, else Windows-1252, in which every byte has a meaning here.

    The five bytes Windows-1252 does not define are taken as Latin 1 has them.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "".join(map(_character, content)) if _has_undefined(content) else content.decode("cp1252")


def _has_undefined(content: bytes) -> bool:
    return any(byte in content for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D))


def _character(byte: int) -> str:
    return bytes([byte]).decode("latin-1" if byte in {0x81, 0x8D, 0x8F, 0x90, 0x9D} else "cp1252")
