"""If-Match and If-None-Match (RFC 9110, sections 8.8.3 and 13.1): entity tags and their two comparisons."""

import re
from hashlib import blake2b
from typing import Final, NamedTuple

from taskapi.api.errors import problem
from taskapi.context import current_request

# A proxy that compresses a response may mark its tag so: Apache's mod_deflate and mod_brotli, and Caddy
COMPRESSION_SUFFIXES: Final = ("-gzip", "-br", "-zstd")
_ELEMENT = re.compile(r'(?:(?P<weak>W/)?"(?P<tag>[\x21\x23-\x7e\x80-\xff]*)")?[ \t]*(?:,[ \t]*|$)')


class EntityTag(NamedTuple):
    """An entity tag without its quotes and without the suffix of a compressing proxy."""

    tag: str
    weak: bool


def parse_entity_tags(header: str) -> list[EntityTag] | None:
    """Return the entity tags of a header field; None where it is not a list of one or more."""
    tags = []
    header = header.strip(" \t")
    position = 0
    while position < len(header):
        element = _ELEMENT.match(header, position)
        if element is None:
            return None
        if element["tag"] is not None:
            tags.append(EntityTag(_without_suffix(element["tag"]), element["weak"] is not None))
        position = element.end()
    return tags or None


def is_known(tag: str) -> bool:
    """Tell whether If-None-Match names `tag`, by weak comparison. A malformed field names nothing."""
    header = current_request().environ.get("HTTP_IF_NONE_MATCH")
    if header is None:
        return False
    return header.strip() == "*" or any(known.tag == tag for known in parse_entity_tags(header) or ())


def fails_to_match(*tags: str) -> bool:
    """Tell whether If-Match is there and names none of the current `tags`, by strong comparison.

    A weak tag never matches. Answers 400 to a malformed field.
    """
    header = current_request().environ.get("HTTP_IF_MATCH")
    if header is None or header.strip() == "*":
        return False
    named = parse_entity_tags(header)
    if named is None:
        problem("malformed_request", 'If-Match must be * or a list of quoted entity tags, such as "7".')
    return not any(EntityTag(tag, weak=False) in named for tag in tags)


def _without_suffix(tag: str) -> str:
    return next((tag.removesuffix(suffix) for suffix in COMPRESSION_SUFFIXES if tag.endswith(suffix)), tag)


def tag_of(version: int | None, data: bytes, *, derived: bool) -> str:
    """Return the tag of a representation: the version of its row, else or besides a digest of its bytes.

    `derived` says that it shows more than its row, so that its tag changes with that too.
    """
    if version is not None and not derived:
        return str(version)
    digest = blake2b(data, digest_size=12).hexdigest()
    return digest if version is None else f"{version}-{digest}"
