"""What a deployment can choose: read once from the environment or `.env`, and handed down from there."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.keys import KeyEntry

MEGABYTE = 1024 * 1024
DAY_S = 24 * 60 * 60
ORIGIN = re.compile(r"(https://[\w.*-]+|http://127\.0\.0\.1)(:\d+)?", re.ASCII)
"""Where a token may be sent: https, or a program on this very machine."""


def default_storage() -> str:
    """The address of a folder below the one the application was started in."""
    return (Path.cwd() / "data" / "store").as_uri()


class Settings(BaseSettings):
    """Every choice has a default that needs no other service: a local folder, and a cache in the process."""

    model_config = SettingsConfigDict(
        env_prefix="TILEWATCH_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    storage: str = Field(default_factory=default_storage)
    """Where landed scenes lie: `file:///folder` or `s3://bucket/prefix` (with the standard AWS_* names)."""

    redis_url: str | None = None
    """The shared tile cache, `redis://host:port/0`; without it each worker has its own cache alone."""

    redis_ttl_s: int = Field(default=30 * DAY_S, gt=0)
    """How long Redis keeps a tile nobody asks for; a bound on memory, since a key never goes stale."""

    database_url: str | None = Field(default=None, repr=False)
    """PostgreSQL with PostGIS, `postgresql://user:password@host:port/database`; areas need it."""

    database_connections: int = Field(default=8, gt=0)
    """The most a worker opens."""

    jobs: bool = True
    """Whether this worker may do the jobs that keep series fresh; one worker at a time does."""

    jobs_every_s: float = Field(default=15.0, ge=1)
    """How often areas' series are brought up to what has landed; little is done where nothing has."""

    orders_at_once: int = Field(default=1, ge=0)
    """Orders (`POST /ingest`, `/composites`) that run at once, over all workers on one database. An ingestion
    converts on all cores, below everything else; a worker with `jobs` off, or at 0, leaves them to others."""

    orders_queued: int = Field(default=100, ge=1)
    """Orders that may wait; another is refused until one begins."""

    order_area_km2: float = Field(default=50_000.0, gt=0)
    """The largest box an order may have: some five tiles of Sentinel-2."""

    order_days: int = Field(default=366, ge=1)
    """The longest time an order may ask for."""

    order_bands: int = Field(default=16, ge=1)
    """The most bands an order may name."""

    order_source: str | None = None
    """The archive of orders that name none; else the first of Sentinel-2 in `tilewatch sources`. Where it is
    set, composites of its collection fetch their scenes from it first."""

    api_keys: Annotated[tuple[KeyEntry, ...], NoDecode] = Field(default=(), repr=False)
    """Keys that may write, separated by commas, as `tilewatch keys new` prints them: `name:scope:digest`.

    Without any, only programs on the server's own machine may write. A proxy on that machine has to send
    X-Forwarded-For, or everybody behind it would pass for one of those."""

    cache_bytes: int = Field(default=256 * MEGABYTE, ge=0)
    """Memory of one worker for tiles."""

    refresh_s: float = Field(default=2.0, gt=0)
    """How often a worker asks storage for news; one small GET a collection."""

    render_threads: int | None = Field(default=None, gt=0)
    """Threads that read and paint; by default one a core."""

    max_scenes_per_tile: int = Field(default=64, gt=0)
    """A tile that would need more scenes than this is refused with the zoom from which it works."""

    products: Path | None = None
    """A folder of product files beside the shipped ones."""

    collections: Path | None = None
    """A folder of collection files beside the shipped ones; a server reads them again when one changes."""

    sources: Path | None = None
    """A folder of source files beside the shipped ones; a server reads them again when one changes."""

    archive_tokens: Annotated[Mapping[str, SecretStr], NoDecode] = Field(default={}, repr=False)
    """Bearer tokens for archives that want one, separated by commas: `stac.example.org=token`. Each is sent
    to its own host over https, and to no other."""

    downloads: Path = Field(default_factory=lambda: Path.cwd() / "data" / "downloads")
    """Where fetched files lie until their scene has landed, so that a killed run is gone on with."""

    dask_scheduler: str | None = None
    """The Dask cluster that makes composites, `tcp://host:8786`; without it this machine's cores do.

    Its workers need the same Tilewatch, the storage under the same address, and for S3 the AWS_* names."""

    composite_max_pixels: int = Field(default=20_000_000_000, gt=0)
    """Pixels a composite may read, of all scenes and bands: a month of one Sentinel-2 tile has some 7e9."""

    regions: Path | None = None
    """A JSON file of the regions that are refreshed on a rotation; read anew whenever it changes."""

    regions_hour: int = Field(default=3, ge=0, le=23)
    """When the rotation chooses the night's regions, by the clocks of `regions_time_zone`."""

    regions_time_zone: str = "UTC"
    """A name of the IANA database, such as America/Los_Angeles."""

    cors_origins: Annotated[tuple[str, ...], NoDecode] = ("*",)
    """Sites whose pages may read answers, separated by commas; tiles are made for maps on other sites."""

    root_path: str = ""
    """The path a proxy puts before ours, `/maps`, so that links come out right."""

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _separated_by_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(origin.strip() for origin in value.split(",") if origin.strip())
        return value

    @field_validator("archive_tokens", mode="before")
    @classmethod
    def _tokens_by_origin(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        tokens: dict[str, str] = {}
        for entry in filter(None, map(str.strip, value.split(","))):
            host, equals, token = entry.partition("=")
            origin = host if "://" in host else f"https://{host}"
            if not (equals and token and ORIGIN.fullmatch(origin)):
                raise ValueError("give host=token for each, such as stac.example.org=abc")
            tokens[origin.lower()] = token
        return tokens

    @field_validator("api_keys", mode="before")
    @classmethod
    def _key_entries(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(KeyEntry.parse(entry) for entry in value.split(",") if entry.strip())
        return value

    @field_validator("database_url")
    @classmethod
    def _names_postgresql(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("give postgresql://user:password@host:port/database")
        return value

    @field_validator("dask_scheduler")
    @classmethod
    def _names_a_scheduler(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("tcp://", "tls://")):
            raise ValueError("give tcp://host:8786, or tls://… with certificates in Dask's configuration")
        return value

    @field_validator("regions_time_zone")
    @classmethod
    def _is_a_time_zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"no time zone {value!r}; give a name of the IANA database, such as America/Los_Angeles"
            ) from error

    @field_validator("root_path")
    @classmethod
    def _begins_but_does_not_end_with_a_slash(cls, value: str) -> str:
        trimmed = value.strip("/")
        return f"/{trimmed}" if trimmed else ""
