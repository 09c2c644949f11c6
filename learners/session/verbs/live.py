"""The verb that puts a policy to work on a stream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from learners.session.verbs.frame import app
from simulator.commands.options import verb


@verb(app, "listen live.toml", "listen live.toml --follow")
def listen(
    live: Annotated[Path, Parameter(help="The file that says what is listened to.")],
    /,
    *,
    follow: Annotated[bool, Parameter(negative=(), show_default=False, help="Wait for more.")] = False,
) -> int:
    """Deliver the samples of policies for records as they come in.

    Records are lines of JSON in a file that grows, in streams of Redis or in a
    topic of Kafka; samples are appended to another one. What comes too late,
    twice, or of no click is put aside with the reason. A killed process is
    started again: it reads two lifetimes of records and writes what is not yet
    written, so that each sample is there once. Without --follow the end of what
    is there ends the stream.
    """
    from learners import catalog  # noqa: F401 - brings the policies of the learners
    from simulator.commands.console import stderr
    from simulator.live.listen import listen as listened
    from simulator.live.settings import read_live
    from simulator.plugins import load_plugins

    load_plugins((), [live.parent])
    done = listened(read_live(live), follow=follow)
    stderr().print(f"{done.written:,} samples of {done.records:,} records", soft_wrap=True)
    return 0
