"""`metier keys`: who may ask a gateway, correct its answers, and run it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metier.commands.base import grid, guarded, say
from metier.commands.base import show as put

if TYPE_CHECKING:
    from metier.gateway.base import Role

File = Annotated[Path, typer.Option("--file", metavar="FILE", envvar="METIER_KEYS", help="Where the keys are kept.")]
DEFAULT = Path("keys.json")

keys = typer.Typer(no_args_is_help=True, help="Make, list and revoke the keys of a gateway.")


def new(
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="Whose it is.")],
    role: Annotated[str, typer.Option(help="ask, correct or operate; each may do what stands before it.")] = "ask",
    a_minute: Annotated[int, typer.Option(help="How often it may ask in a minute; 0: as often as it likes.")] = 0,
    a_day: Annotated[int, typer.Option(help="How often it may ask in a day (UTC); 0: as often as it likes.")] = 0,
    file: File = DEFAULT,
) -> None:
    """Make a key and show it, once."""
    from typing import cast

    from metier.gateway.keys import Keys

    put(Keys(file).new(owner, cast("Role", role), a_minute=a_minute, a_day=a_day))
    say(f"Keep it now: {file} holds only its digest.")


def list_(file: File = DEFAULT) -> None:
    """Every key, but not the keys themselves."""
    from metier.gateway.keys import Keys

    table = grid("Id", "Owner", "Role", "Made", "Revoked")
    for key in Keys(file).all():
        table.add_row(key.id, key.owner, key.role, key.made, key.revoked or "")
    put(table)


def revoke(
    id: Annotated[str, typer.Argument(metavar="ID")],
    file: File = DEFAULT,
) -> None:
    """End a key; running gateways refuse it from within a second on."""
    from metier.gateway.keys import Keys

    put(f"{Keys(file).revoke(id).id} is revoked")


keys.command()(guarded(new))
keys.command("list")(guarded(list_))
keys.command()(guarded(revoke))
