"""The order of a picture's channels: what the card says, the option --channel_order, and what the network does itself."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from common.commands import LOGGER
from common.errors import CardError

if TYPE_CHECKING:
    from common.card import InputEntry, NetCard

ORDERS = ("BGR", "RGB", "GRAY")


def agreed_order(card: NetCard, file: Path | None, first: InputEntry, wished: str | None) -> NetCard:
    """Return the card with the order that the network is fed. `file` is None if nobody wrote the card.

    `wished` is --channel_order. Raises CardError if it differs from a written card, or where the network reverses the
    channels of a net that was not trained on RGB.
    """
    if wished and file and wished != card.channel_order:
        raise CardError(
            f'{file}: "channel_order" is "{card.channel_order}", but --channel_order is {wished}. Leave the option out, or '
            "correct the card."
        )
    trained = wished or card.channel_order
    if not first.is_picture:
        return card
    if first.channels_reversed:
        if trained != "RGB" and (file or wished):
            raise CardError(
                f'{file or "--channel_order"}: "channel_order" is "{trained}", but --reverse_input_channels is for a net that '
                'was trained on RGB. Leave the option out, or set "channel_order" to "RGB".'
            )
        return card.model_copy(update={"channel_order": "BGR"})
    if first.shape[1] == 1 and trained != "GRAY":
        # One channel has no order, so another one on the card does no harm.
        logging.getLogger(LOGGER).warning(
            '%s: "channel_order" is "%s", but the net takes one channel, so it gets grey pictures. Write "GRAY" there.',
            file or "--channel_order",
            trained,
        )
        trained = "GRAY"
    return card.model_copy(update={"channel_order": trained})
