"""`metier serve`: a registry, or a folder of specialists, behind one gateway; `metier check` looks at its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from metier.commands.base import say, show_json

Registry = Annotated[
    str | None,
    typer.Argument(metavar="[REGISTRY]", help="A registry, or a folder of specialists.", show_default="specialists"),
]
Config = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Settings in TOML.", show_default="metier.toml if there is one")
]
CONFIG = Path("metier.toml")


def serve(
    registry: Registry = None,
    host: Annotated[str | None, typer.Option(help="The address; others than loopback demand keys.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that answer.")] = None,
    config: Config = None,
    log: Annotated[str | None, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")] = None,
) -> None:
    """Answer OpenAI, Hugging Face, Open Inference, TEI and Decisions clients with specialists."""
    from metier import lazy

    for package in ("msgspec", "uvicorn", "starlette", "httpx", "prometheus_client"):
        lazy.need(package, extra="serve", purpose="Serving")

    from metier import serving
    from metier.gateway import settings
    from metier.registry import Registry as Opened

    said = settings.read(_config(config), registry=registry, host=host, port=port, workers=workers, log=log)
    Opened.open(said.registry)
    door = serving.door(said)
    where = serving.address(door)
    say(f"{said.registry} at {where}, a page at {where}/console/. Ctrl-C ends it; what was begun is still answered.")
    serving.run(said, door)


def check(
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="What holds, as one line of JSON.")] = False,
) -> None:
    """Say whether a settings file makes sense, and what holds."""
    import msgspec

    from metier.gateway import settings

    said = settings.read(_config(config))
    held: dict[str, Any] = msgspec.to_builtins(said)
    if as_json:
        show_json(held)
        return
    say(f"{_config(config) or 'Defaults'}: sound. {said.registry} at http://{said.host}:{said.port}.")


def _config(given: Path | None) -> Path | None:
    return given or (CONFIG if CONFIG.exists() else None)
