"""How much of what can happen do so many drawn worlds reach, steered and not? The same seed for both.

``python -m tests.benchmarks.explore [--worlds N] [--seed N] [CLIENT ...]``. The worlds are run at the model level. What
is counted does not depend on the machine: it is the same everywhere, for one state of the code.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from gapless.scenarios.explore.campaign import Campaign
from gapless.scenarios.explore.client_state import STATES
from gapless.scenarios.explore.steering import ROUND_WORLDS
from gapless.scenarios.explore.trial import Block, try_block
from gapless.scenarios.explore.worlds import KINDS

# A pair that occurred so seldom is covered by chance.
OFTEN = 5


def measured(client: str, seed: int, worlds: int, *, is_steered: bool) -> Iterator[Campaign]:
    """The campaign after each round."""
    campaign = Campaign(client, seed)
    while campaign.worlds < worlds:
        table = campaign.table(campaign.worlds // ROUND_WORLDS) if is_steered else None
        campaign.add(try_block(Block(client, campaign.worlds, ROUND_WORLDS, seed, table)))
        yield campaign


def covered(campaign: Campaign) -> tuple[int, int, int]:
    """How many pairs of fault and state occurred; how many of them often; and how many paths were taken."""
    times = [campaign.tally["state", kind, state] for kind in KINDS for state in STATES]
    paths = sum(1 for key in campaign.tally if key[0] == "path")
    return sum(1 for one in times if one), sum(1 for one in times if one >= OFTEN), paths


@click.command()
@click.argument("clients", nargs=-1)
@click.option("--worlds", default=1600)
@click.option("--seed", default=1)
def main(clients: tuple[str, ...], worlds: int, seed: int) -> None:
    """Measure each client, steered and not."""
    click.echo(f"client        drawing     worlds  pairs  pairs met {OFTEN} times  paths")
    for client in clients or ("socket-only", "gapless"):
        for is_steered in (False, True):
            for campaign in measured(client, seed, worlds, is_steered=is_steered):
                rounds = campaign.worlds // ROUND_WORLDS
                if rounds & (rounds - 1) == 0 or campaign.worlds >= worlds:
                    pairs, often, paths = covered(campaign)
                    drawing = "steered" if is_steered else "not steered"
                    click.echo(f"{client:13} {drawing:11} {campaign.worlds:6} {pairs:6} {often:18} {paths:6}")


if __name__ == "__main__":
    main()
