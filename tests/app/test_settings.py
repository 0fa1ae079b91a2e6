"""Settings: from the environment, with defaults that need nothing."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.cli.serve import as_address
from app.main import create_app
from app.settings import Settings


@pytest.fixture(autouse=True)
def _empty_environment(settings: Settings) -> None:
    """Each test begins in an empty folder, with nothing of ours in the environment."""


def test_the_defaults_need_no_other_service(tmp_path: Path) -> None:
    settings = Settings()
    assert settings.storage == (tmp_path / "data" / "store").as_uri()
    assert settings.redis_url is None
    assert settings.cors_origins == ("*",)


def test_the_environment_and_a_file_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "TILEWATCH_REFRESH_S=7\nTILEWATCH_CORS_ORIGINS=https://a.example, https://b.example\n"
    )
    monkeypatch.setenv("TILEWATCH_STORAGE", "s3://bucket/prefix")
    monkeypatch.setenv("TILEWATCH_ROOT_PATH", "maps/")
    settings = Settings()
    assert (settings.storage, settings.refresh_s, settings.root_path) == ("s3://bucket/prefix", 7.0, "/maps")
    assert settings.cors_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize("name", ["refresh_s", "render_threads", "max_scenes_per_tile", "redis_ttl_s"])
def test_numbers_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({name: 0})


def test_wiring_an_application_touches_nothing(tmp_path: Path) -> None:
    app = create_app(Settings(storage=(tmp_path / "store").as_uri(), redis_url="redis://127.0.0.1:1/0"))
    assert app.state.settings.redis_url == "redis://127.0.0.1:1/0"
    assert list(tmp_path.iterdir()) == []


def test_a_plain_folder_is_an_address_too(tmp_path: Path) -> None:
    assert as_address("store") == (tmp_path / "store").as_uri()
    assert as_address("s3://bucket/prefix") == "s3://bucket/prefix"
