"""What a logging bidder lost before the stream, so that no method knows of it."""

from __future__ import annotations

from learners.session.bidding import usual_amount
from simulator.auction.settings import AuctionBlock
from simulator.calendar import Calendar
from simulator.errors import ScenarioError
from simulator.log.reader import Log
from simulator.log.without import Lost
from simulator.scenario.timeline import Timeline
from simulator.windows import Windows


def lost_of(
    settings: AuctionBlock, log: Log, calendar: Calendar, windows: Windows, line: Timeline, seed: int
) -> Lost:
    """Return what the logging bidder of a scenario lost; what it takes for averages are those of the history.

    Raises
    ------
    ScenarioError : it won no click of the history.
    """
    from simulator.auction.logger import Averages, lost_before  # it needs scipy

    start, end = line.history_start, line.history_end
    amount, kept = usual_amount(settings, log, windows, start, end)
    shown = clicked = clicks = paid = 0
    for _, labels in log.labelled(windows, start, end, features=False):
        clicks, paid = clicks + len(labels), paid + int(labels.converted.sum())
    if not log.has_exposure:
        for batch in log.impressions(start, end, features=False):
            shown, clicked = shown + len(batch), clicked + int((batch.click_row >= 0).sum())
    averages = Averages(
        clicked / shown if shown else 1.0,
        paid / clicks if clicks else 0.0,
        amount * (kept if settings.value == "net-gmv" else 1.0),
    )
    lost = lost_before(log, settings, averages, calendar, windows, seed, line.stream_start)
    if clicks and not any(lost.kept(batch).any() for batch in log.clicks(start, end, features=False)):
        raise ScenarioError(
            f'auction.history = "won": the logging bidder won none of the {clicks:,} clicks of the history, so that there is '
            'nothing to begin with. Lower auction.rivals.bid, raise auction.worth, or take history = "none"'
        )
    return lost
