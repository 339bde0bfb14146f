"""metier at `quick`: the first stage alone, which needs no sentence encoder."""

from __future__ import annotations

from peers.metier import Metier


class MetierQuick(Metier):
    """A specialist at `quick`."""

    name = "metier_quick"
    needs = ("metier",)
    settings = "effort quick"
    effort = "quick"


PEER = MetierQuick
