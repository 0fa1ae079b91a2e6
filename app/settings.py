"""The settings of a deployment, read once from the environment or `.env`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.keys import KeyEntry

MEGABYTE = 1024 * 1024
DAY_S = 24 * 60 * 60
ORIGIN = re.compile(r"(https://[\w.*-]+|http://127\.0\.0\.1)(:\d+)?", re.ASCII)
"""Where a token may be sent: https, or a program on this very machine."""


def default_storage() -> str:
    """Return the address of a folder below the working directory."""
    return (Path.cwd() / "data" / "store").as_uri()


class Settings(BaseSettings):
    """All settings; the defaults need no other service, only a local folder and a cache in the process."""

    model_config = SettingsConfigDict(
        env_prefix="TILEWATCH_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    storage: str = Field(default_factory=default_storage)
    """Where landed scenes are stored: `file:///folder` or `s3://bucket/prefix` (with the AWS_* variables)."""

    redis_url: str | None = None
    """The shared tile cache, `redis://host:port/0`; without it each worker has only its own cache."""

    redis_ttl_s: int = Field(default=30 * DAY_S, gt=0)
    """How long Redis keeps a tile that is not requested; it bounds memory, since keys never go stale."""

    database_url: str | None = Field(default=None, repr=False)
    """PostgreSQL with PostGIS, `postgresql://user:password@host:port/database`; areas and jobs need it."""

    database_connections: int = Field(default=8, gt=0)
    """Number of connections a worker opens at most."""

    database_timeout_s: float = Field(default=4.0, gt=0)
    """The longest a statement may run, in seconds; waiting for a connection takes five at most."""

    jobs: bool = True
    """Whether this worker may run tasks and jobs; one worker at a time runs the tasks."""

    jobs_every_s: float = Field(default=15.0, ge=1)
    """How often the series of areas are updated, in seconds; cheap if nothing has landed."""

    verify_mb_per_s: float = Field(default=2.0, ge=0)
    """Megabytes of landed files that are read in a second, in the background, to find damaged ones; 0: none.

    The worker that leads the tasks does it. Files are read in turn, those verified longest ago first."""

    verify_days: float = Field(default=30.0, gt=0)
    """For how many days a file that was verified is not read again."""

    verify_repair: bool = True
    """Whether damaged files found so are fetched again from where they came, and overviews made again."""

    orders_at_once: int = Field(default=1, ge=0)
    """Jobs (`POST /ingest`, `/composites`) that run at once, over all workers of one database.

    An ingestion uses all cores at low priority. A worker with `jobs` off, or with 0 here, runs none."""

    orders_queued: int = Field(default=100, ge=1)
    """Number of jobs that may wait; further ones are refused until one starts."""

    order_area_km2: float = Field(default=50_000.0, gt=0)
    """The largest box of a job at 10 m: about five Sentinel-2 tiles. Coarser data may have as many pixels:
    a box of night lights, at 463 m, two thousand times the area."""

    order_days: int = Field(default=366, ge=1)
    """The longest time a job may cover, in days."""

    order_bands: int = Field(default=16, ge=1)
    """The number of bands a job may name."""

    order_source: str | None = None
    """The archive of jobs that name none; by default the first of Sentinel-2 in `tilewatch sources`. If it is
    set, composites of its collection fetch their scenes from it first."""

    api_keys: Annotated[tuple[KeyEntry, ...], NoDecode] = Field(default=(), repr=False)
    """Keys that may write, separated by commas, as `tilewatch keys new` prints them: `name:scope:digest`.

    With `:owner` after it a key sees and writes what belongs to that owner only.
    Without keys nothing may be written, unless `keyless_writes` is on."""

    keyless_writes: bool = False
    """Whether programs on the server's own machine may write without a key while no keys are set.

    Not for a server behind a proxy: everyone behind one that looks like such a program could write."""

    memory_bytes: int = Field(default=640 * MEGABYTE, ge=64 * MEGABYTE)
    """Memory for all caches of one worker, in bytes; with what it needs besides, two fit into 2 GB."""

    cache_bytes: int | None = Field(default=None, ge=0)
    """Memory for tiles in one worker, in bytes; by default a quarter of that for all caches."""

    body_bytes: int = Field(default=64 * MEGABYTE, ge=16 * MEGABYTE)
    """Bytes of all request bodies that a worker reads and works on at once; more are answered 503."""

    max_connections: int = Field(default=1000, gt=0)
    """Connections that clients may hold open to a worker; with few file descriptors it is fewer."""

    refresh_s: float = Field(default=2.0, gt=0)
    """How often a worker checks storage for new commits, in seconds: one small GET per collection."""

    render_threads: int | None = Field(default=None, gt=0)
    """Threads that read and paint; by default one per core."""

    max_scenes_per_tile: int = Field(default=64, gt=0)
    """A tile that needs more scenes is refused, and the answer names the lowest zoom that works."""

    storage_timeout_s: float = Field(default=5.0, gt=0)
    """How long a server waits for storage to answer, in seconds; for an object that is read whole twice that.

    After three failures in a row storage is left alone, but for one question a second."""

    answer_timeout_s: float = Field(default=10.0, gt=0)
    """How long an answer may take until it begins, in seconds: tiles, points, documents, areas."""

    picture_timeout_s: float = Field(default=30.0, gt=0)
    """The same for pictures of boxes and polygons."""

    series_timeout_s: float = Field(default=300.0, gt=0)
    """The same for statistics and series; those that are streamed begin with their first entry."""

    picture_pixels: int = Field(default=2_000_000_000, gt=0)
    """Pixels of files that a picture of a box or polygon may be made from, in all scenes and bands."""

    products: Path | None = None
    """A folder of product files besides the shipped ones."""

    collections: Path | None = None
    """A folder of collection files besides the shipped ones; a server reads them again when one changes."""

    sources: Path | None = None
    """A folder of source files besides the shipped ones; a server reads them again when one changes."""

    models: Path | None = None
    """A folder of models: of each NAME.toml, which describes it, and NAME.onnx, the network."""

    model_threads: int = Field(default=2, gt=0)
    """Threads of the process that runs a network."""

    model_memory_bytes: int = Field(default=4096 * MEGABYTE, ge=256 * MEGABYTE)
    """Memory of that process, in bytes of address space; beyond that the run fails."""

    model_time_s: float = Field(default=3600.0, gt=0)
    """The longest a model may work on one area, in seconds."""

    archive_tokens: Annotated[Mapping[str, SecretStr], NoDecode] = Field(default={}, repr=False)
    """Bearer tokens for archives that want one, separated by commas: `stac.example.org=token`. Each is sent
    to its own host over https, and to no other."""

    earthdata_token: SecretStr | None = Field(
        default=None,
        repr=False,
        validation_alias=AliasChoices("TILEWATCH_EARTHDATA_TOKEN", "EARTHDATA_TOKEN", "BEARER_TOKEN"),
    )
    """The token of NASA's archives, which is sent to them alone; also read from `EARTHDATA_TOKEN`."""

    earthdata_username: str | None = Field(
        default=None, validation_alias=AliasChoices("TILEWATCH_EARTHDATA_USERNAME", "EARTHDATA_USERNAME")
    )
    """Where there is no token: who asks Earthdata for one; also read from `EARTHDATA_USERNAME`."""

    earthdata_password: SecretStr | None = Field(
        default=None,
        repr=False,
        validation_alias=AliasChoices("TILEWATCH_EARTHDATA_PASSWORD", "EARTHDATA_PASSWORD"),
    )
    """Its password, which is sent to Earthdata's login alone; also read from `EARTHDATA_PASSWORD`."""

    tempo_bbox_west: float | None = Field(
        default=None, validation_alias=AliasChoices("TILEWATCH_TEMPO_BBOX_WEST", "TEMPO_BBOX_WEST")
    )
    """Of the box that is ingested of TEMPO's scans where no other is given, in degrees; also read from
    `TEMPO_BBOX_WEST`, as its other edges are from theirs."""

    tempo_bbox_south: float | None = Field(
        default=None, validation_alias=AliasChoices("TILEWATCH_TEMPO_BBOX_SOUTH", "TEMPO_BBOX_SOUTH")
    )
    """As `tempo_bbox_west`."""

    tempo_bbox_east: float | None = Field(
        default=None, validation_alias=AliasChoices("TILEWATCH_TEMPO_BBOX_EAST", "TEMPO_BBOX_EAST")
    )
    """As `tempo_bbox_west`."""

    tempo_bbox_north: float | None = Field(
        default=None, validation_alias=AliasChoices("TILEWATCH_TEMPO_BBOX_NORTH", "TEMPO_BBOX_NORTH")
    )
    """As `tempo_bbox_west`."""

    downloads: Path = Field(default_factory=lambda: Path.cwd() / "data" / "downloads")
    """Where fetched files are kept until their scene has landed, so that an interrupted run can continue."""

    indexes: Path = Field(default_factory=lambda: Path.cwd() / "data" / "indexes")
    """A folder for the indexes of mosaics that lie in a bucket, shared by the workers of a machine."""

    indexes_bytes: int = Field(default=4 * 1024 * MEGABYTE, ge=0)
    """Bytes of that folder; those used longest ago are removed beyond that. A million scenes take 0.4 GB."""

    audit: bool = False
    """Whether files of archives are kept in storage as they came, under `audit/`, until they are pruned."""

    dask_scheduler: str | None = None
    """The Dask cluster that makes composites, `tcp://host:8786`; without it the cores of this machine do.

    Its workers need the same Tilewatch, the storage at the same address and, for S3, the AWS_* variables."""

    composite_max_pixels: int = Field(default=20_000_000_000, gt=0)
    """Pixels a composite may read, in all scenes and bands: a month of one Sentinel-2 tile has about 7e9."""

    regions: Path | None = None
    """A JSON file of the regions that are refreshed in rotation; it is read again whenever it changes."""

    regions_hour: int = Field(default=3, ge=0, le=23)
    """The hour at which the rotation chooses the night's regions, in `regions_time_zone`."""

    regions_time_zone: str = "UTC"
    """A name in the IANA time zone database, such as America/Los_Angeles."""

    cors_origins: Annotated[tuple[str, ...], NoDecode] = ("*",)
    """Sites whose pages may read answers, separated by commas; by default all, since tiles are for maps."""

    root_path: str = ""
    """The path a proxy puts before ours, such as `/maps`; links then include it."""

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
            raise ValueError("not a valid address; give postgresql://user:password@host:port/database")
        return value

    @field_validator("dask_scheduler")
    @classmethod
    def _names_a_scheduler(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("tcp://", "tls://")):
            raise ValueError(
                "not a valid address; give tcp://host:8786, or tls://… with certificates configured in Dask"
            )
        return value

    @field_validator("regions_time_zone")
    @classmethod
    def _is_a_time_zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"{value!r} is not a valid time zone; give an IANA name, such as America/Los_Angeles"
            ) from error

    @field_validator("root_path")
    @classmethod
    def _begins_but_does_not_end_with_a_slash(cls, value: str) -> str:
        trimmed = value.strip("/")
        return f"/{trimmed}" if trimmed else ""
