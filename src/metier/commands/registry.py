"""`metier registry`: specialists by name and version, who promoted what, and the way to and from the hub."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from metier.commands.base import grid, guarded, say, share, show_json
from metier.commands.base import show as put
from metier.errors import BadOption

if TYPE_CHECKING:
    from metier.registry import Registry

Root = Annotated[
    Path, typer.Option("--registry", metavar="FOLDER", envvar="METIER_REGISTRY", help="Where the registry lies.")
]
Version = Annotated[str, typer.Argument(metavar="NAME@VERSION")]
AsJson = Annotated[bool, typer.Option("--json", help="As one line of JSON.")]
DEFAULT = Path("specialists")
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")

registry = typer.Typer(no_args_is_help=True, help="Publish specialists, promote them, roll them back.")


def command(verb: object) -> None:
    """A verb of the registry, with errors as every verb has them."""
    registry.command()(guarded(verb))  # type: ignore[arg-type]


def add(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A specialist, as `metier train` wrote it.")],
    name: Annotated[str | None, typer.Option(help="Its name there.", show_default="that of the folder")] = None,
    root: Root = DEFAULT,
) -> None:
    """Publish a specialist as the next version of its name; the first one goes into production."""
    from metier.registry import Registry

    opened = Registry(root)
    entry = opened.add(folder, name=name)
    what = (
        " and ".join(opened.aliases(entry.name).of(entry.version))
        or f"promote it: metier registry promote {entry.name}@{entry.version}"
    )
    put(f"{entry.name}@{entry.version}: {what}")


def list_(root: Root = DEFAULT, as_json: AsJson = False) -> None:
    """Every name, its versions and what they are."""
    state = _open(root).state()
    if as_json:
        show_json({n: {v: state.aliases[n].of(v) for v in versions} for n, versions in state.versions.items()})
        return
    table = grid("Name", "Version", "Is")
    for name, versions in sorted(state.versions.items()):
        for version in versions:
            table.add_row(name, version, ", ".join(state.aliases[name].of(version)))
    put(table)


def show(said: Annotated[str, typer.Argument(metavar="NAME[@VERSION]")], root: Root = DEFAULT) -> None:
    """Where a version lies, and what it is."""
    opened = _open(root)
    entry = opened.resolve(said)
    table = grid("", "")
    table.add_row("Version", f"{entry.name}@{entry.version}")
    table.add_row("Is", ", ".join(opened.aliases(entry.name).of(entry.version)) or "nothing yet")
    table.add_row("Folder", str(entry.path))
    put(table, f"More: metier show {entry.path}")


def promote(
    said: Version,
    alias: Annotated[str, typer.Option(help="production, shadow, or 'canary 5%'.")] = "production",
    if_better: Annotated[
        str | None,
        typer.Option(
            metavar="LEDGER", help="Only where the ledger shows that it is better than what is in production."
        ),
    ] = None,
    root: Root = DEFAULT,
) -> None:
    """Make a version be what answers, what only watches, or what gets a share of the asks."""
    opened = _open(root)
    if if_better is not None:
        from metier.gateway.compare import better
        from metier.gateway.ledger import Ledger

        entry = opened.resolve(said)
        compared = better(Ledger(if_better).pairs(entry.name, entry.version))
        put(str(compared))
        if not compared.better:
            raise BadOption(
                f"{said} was not promoted: it is not shown to be better. Let it watch longer, or correct more."
            )
    word, _, part = alias.partition(" ")
    entry = opened.promote(said, alias=word, share=share(part) if part else 0.0)
    put(f"{entry.name}@{entry.version}: {' and '.join(opened.aliases(entry.name).of(entry.version))}")


def rollback(name: Annotated[str, typer.Argument(metavar="NAME")], root: Root = DEFAULT) -> None:
    """Give production back to the version before."""
    entry = _open(root).rollback(name)
    put(f"{entry.name}@{entry.version}: production")


def remove(said: Version, root: Root = DEFAULT) -> None:
    """Delete a version that is neither production nor shadow nor canary."""
    _open(root).remove(said)
    put(f"{said} is gone")


def log(root: Root = DEFAULT, as_json: AsJson = False) -> None:
    """Who did what, the oldest first."""
    lines = _open(root).record()
    if as_json:
        for line in lines:
            show_json(line)
        return
    table = grid("When", "Who", "What")
    for line in lines:
        alias = f" to {line['alias']}" if "alias" in line else ""
        table.add_row(line["time"], line["who"], f"{line['what']} {line['name']}@{line['version']}{alias}")
    put(table)


def verify(root: Root = DEFAULT) -> None:
    """Check that nobody changed the record or what was published; needs no gateway and no network."""
    opened = _open(root)
    problems = opened.verify()
    for problem in problems:
        say(problem, style="red")
    if problems:
        raise typer.Exit(1)
    put(f"{len(opened.record()):,} lines, each following from the one before; every version as it was published")


def push(
    said: Version,
    repository: Annotated[str, typer.Argument(metavar="USER/REPOSITORY")],
    public: Annotated[bool, typer.Option("--public", help="Whoever likes may see it.")] = False,
    root: Root = DEFAULT,
) -> None:
    """Copy a version to the Hugging Face hub, with its card; the token is the one of `hf auth login`."""
    from huggingface_hub import HfApi

    entry = _open(root).resolve(said)
    api = HfApi()
    api.create_repo(_hub(repository), private=not public, exist_ok=True)
    api.upload_folder(repo_id=repository, folder_path=entry.path, commit_message=f"{entry.name}@{entry.version}")
    put(f"{said} is at https://huggingface.co/{repository}")


def pull(
    repository: Annotated[str, typer.Argument(metavar="USER/REPOSITORY")],
    name: Annotated[str | None, typer.Option(help="Its name here.", show_default="that of the repository")] = None,
    root: Root = DEFAULT,
) -> None:
    """Publish a specialist from the Hugging Face hub here; it is checked as any other."""
    from huggingface_hub import snapshot_download

    name = _hub(repository).partition("/")[2].lower() if name is None else name
    with TemporaryDirectory() as work:
        snapshot_download(repository, local_dir=work, ignore_patterns=[".*", ".cache/*"])
        add(Path(work), name, root)


def _hub(repository: str) -> str:
    if not HUB_NAME.fullmatch(repository):
        raise BadOption(f"'{repository:.100}' is no name on the hub. Expected USER/REPOSITORY.")
    return repository


def _open(root: Path) -> Registry:
    from metier.registry import Registry

    return Registry.open(root)


for verb in (add, show, promote, rollback, remove, log, verify, push, pull):
    command(verb)
registry.command("list")(guarded(list_))
