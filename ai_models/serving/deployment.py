"""A folder that holds all that a server needs but the model: the program, its requirements, and its start files."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import ai_models
from ai_models._version import __version__
from ai_models.core.errors import DataError
from ai_models.core.paths import prepare_output_dir, write_text
from ai_models.serving.settings import ServiceSettings
from ai_models.serving.templating import render

__all__ = ["KINDS", "pinned_requirements", "write_deployment"]

_START_FILES = {
    "docker": {"Dockerfile": "Dockerfile", "docker-compose.yml": "docker-compose.yml", "dockerignore": ".dockerignore"},
    "systemd": {"hybrid-ml-service.service": "hybrid-ml-service.service"},
    "kubernetes": {"kubernetes.yaml": "kubernetes.yaml", "Dockerfile": "Dockerfile", "dockerignore": ".dockerignore"},
}
_WATCHING = {"prometheus.yml": "prometheus.yml", "grafana-dashboard.json": "grafana-dashboard.json"}
_PORT = 8000
KINDS = tuple(_START_FILES)
"""What the service may run under."""

_GUIDE = "DEPLOY.md"
_PACKAGE = Path(ai_models.__file__).resolve().parent


def write_deployment(
    output_dir: str | os.PathLike[str],
    kinds: Sequence[str] = KINDS,
    *,
    settings: ServiceSettings | None = None,
    instances: int = 1,
    overwrite: bool = False,
) -> list[Path]:
    """Write the folder.

    Parameters
    ----------
    output_dir
        A new or empty folder, or one that was written here before, with `overwrite`.
    kinds
        Some of `KINDS`.
    settings
        Whose limits the files carry; the defaults when None.
    instances
        Services that nginx, or Kubernetes, spreads requests over.
    overwrite
        Replace an earlier result.

    Returns
    -------
    list of pathlib.Path
        What was written, the guide first.

    Raises
    ------
    OutputError
        When the folder holds anything else, or cannot be written.
    """
    limits = settings or ServiceSettings()
    ports = range(_PORT, _PORT + instances)
    requirements = pinned_requirements()
    folder = prepare_output_dir(output_dir, ours=_GUIDE, overwrite=overwrite)
    values = {
        "VERSION": __version__,
        "PYTHON": f"{sys.version_info.major}.{sys.version_info.minor}",
        "MAX_BYTES": str(limits.max_bytes),
        "MAX_BODY": str(max(limits.body_limit(encoded=True, several=several) for several in (False, True))),
        "INSTANCES": str(instances),
        "MORE_UNITS": "".join(f" hybrid-ml-service@{port}" for port in ports[1:]),
        "TARGETS": ", ".join(f'"127.0.0.1:{port}"' for port in ports),
    }
    files = dict(_WATCHING)
    for kind in kinds:
        files |= _START_FILES[kind]
    parts = {name.upper(): render(f"DEPLOY-{name}.md", **values) if name in kinds else "" for name in _START_FILES}
    written = [
        write_text(folder / _GUIDE, render(_GUIDE, **values, **parts))
    ]  # first: from here on it is known as ours
    texts = {name: render(template, **values, **_UNIT) for template, name in files.items()}
    texts |= _proxies(kinds, ports, values)
    if "systemd" in kinds and instances > 1:
        each = {"PORT": "%i", "INSTANCE": " on port %i"}
        texts["hybrid-ml-service@.service"] = render("hybrid-ml-service.service", **values, **each)
    written += [write_text(folder / name, text) for name, text in texts.items()]
    written.append(write_text(folder / "requirements.txt", "\n".join(requirements) + "\n"))
    shutil.copytree(
        _PACKAGE, folder / "ai_models", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"), dirs_exist_ok=True
    )
    return [*written, folder / "ai_models"]


_UNIT = {"PORT": str(_PORT), "INSTANCE": ""}


def _proxies(kinds: Sequence[str], ports: Sequence[int], values: Mapping[str, str]) -> dict[str, str]:
    """Return nginx's files: one for a machine whose instances have a port each, one for those of the compose file."""
    found = {}
    if "systemd" in kinds:
        upstream = "\n".join(f"    server 127.0.0.1:{port} max_fails=1 fail_timeout=5s;" for port in ports)
        place = "/etc/nginx/conf.d/amulet-ai.conf"
        listening = {"HTTP_PORT": "80", "HTTPS_PORT": "443", "NGINX_PLACE": place}
        found["nginx.conf"] = render("nginx.conf", **values, **listening, UPSTREAM=upstream, TRIES=str(len(ports)))
    if "docker" in kinds:  # the name stands for every instance that is there when nginx starts
        upstream = f"    server amulet-ai:{_PORT} max_fails=1 fail_timeout=5s;"
        listening = {"HTTP_PORT": "8080", "HTTPS_PORT": "8443", "NGINX_PLACE": "the compose file puts it there"}
        tries = str(max(2, len(ports)))
        found["nginx-compose.conf"] = render("nginx.conf", **values, **listening, UPSTREAM=upstream, TRIES=tries)
    return found


def pinned_requirements() -> list[str]:
    """Return what predicts and answers, each at the version that runs here: a model is bound to some of them.

    Raises
    ------
    DataError
        When the lists are not found, or one of them is not installed here.
    """
    names = sorted({_name(line) for line in _declared()}, key=str.lower)
    if not names:
        raise DataError("the requirements of amulet-ai are not known here: install it with pip, or run its checkout")
    pinned = []
    for name in names:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise DataError(
                f"{name} is not installed here, so its version is not known: pip install 'amulet-ai[serve]'"
            ) from None
        pinned.append(f"{name}=={version.split('+')[0]}")
    return pinned


def _declared() -> Iterator[str]:
    """Yield the requirements of the base and of ``serve`` and ``sign``: from a checkout's lists, else as installed."""
    lists = _PACKAGE.parent / "requirements"
    if (lists / "base.txt").is_file():
        for name in ("base.txt", "serve.txt", "sign.txt"):
            for line in (lists / name).read_text(encoding="utf-8").splitlines():
                if line.strip() and not line.startswith("#") and _served(line):
                    yield line
        return
    try:
        declared = importlib.metadata.requires("amulet-ai") or []
    except importlib.metadata.PackageNotFoundError:
        return
    for line in declared:
        marker = line.partition(";")[2]
        if "extra" not in marker or (re.search(r"extra\s*==\s*['\"](serve|sign)['\"]", marker) and _served(line)):
            yield line


def _served(line: str) -> bool:
    """Return whether the service needs it: signatures are checked there, and the copy without a pickle is not read."""
    return _name(line).lower() != "skops"


def _name(line: str) -> str:
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line)
    assert found is not None, line
    return found[1]
