"""What a learner is fed: labels as delivered, each with its cause, its time and its revision number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from simulator.log.schema import Columns, Float64, Int32, Int64

SCHEMA = pa.schema(
    [
        pa.field("click_id", pa.int64(), False),
        pa.field("event_time", pa.int64(), False),
        pa.field("visible_time", pa.int64(), False),
        pa.field("method", pa.dictionary(pa.int32(), pa.string()), False),
        pa.field("role", pa.dictionary(pa.int32(), pa.string()), False),
        pa.field("revision", pa.int32(), False),
        pa.field("weight", pa.float64(), False),
        pa.field("converted", pa.float64()),
        pa.field("refunded", pa.float64()),
        pa.field("gmv", pa.float64()),
        pa.field("pay_count", pa.int32(), False),
        pa.field("previous_gmv", pa.float64(), False),
        pa.field("previous_time", pa.int64()),
        pa.field("elapsed", pa.int64(), False),
        pa.field("evidence", pa.float64()),
        pa.field("previous_evidence", pa.float64()),
        pa.field("prior", pa.float64()),
    ]
)
"""Arrow schema of ``samples/<method>.parquet``.

Times are microseconds from the log's origin. ``event_time`` is the time of the cause (event or timer),
``visible_time`` when the learner can first use it. ``converted``, ``refunded`` and ``gmv`` are null where the sample
says nothing about that task; targets may be soft. ``weight`` is 1 unless the policy says otherwise, and negative
for a retraction of what was delivered before. ``pay_count`` is the number of pays known at ``event_time``,
``previous_gmv`` the GMV of and ``previous_time`` the latest among the pays before the cause (null: none yet),
``elapsed`` is ``event_time`` minus the time of the click. ``evidence`` is, for policies that weigh it, the log likelihood
ratio of a conversion against none that the journey has shown since its click (inf: paid, -inf: closed unpaid), and
``previous_evidence`` that of the delivery which this one settles (null: it is the first). ``prior`` is the log odds of a
conversion that the method served for the click, where its policy asked for them. In a sample that carries ``refunded`` all
three are of a refund after the pay. In one that puts an amount in the place of an earlier one ``prior`` is log1p of that, and
there is no evidence.
"""

ROLES: list[str] = []


def role_code(role: str) -> int:
    """Return the code of a role name, giving it one at first use. Codes never leave the process; names do."""
    try:
        return ROLES.index(role)
    except ValueError:
        ROLES.append(role)
        return len(ROLES) - 1


@dataclass(slots=True)
class Samples(Columns):
    """A batch of delivered samples as columns; NaN in ``converted``, ``refunded``, ``gmv`` means null.

    ``row`` is the position of the click in the log (it finds the features); the rest is as in `SCHEMA`, with
    ``role`` as code and ``previous_time`` -1 for null.
    """

    row: Int64
    click_id: Int64
    event_time: Int64
    visible_time: Int64
    role: Int32
    revision: Int32
    weight: Float64
    converted: Float64
    refunded: Float64
    gmv: Float64
    pay_count: Int32
    previous_gmv: Float64
    previous_time: Int64
    elapsed: Int64
    evidence: Float64
    previous_evidence: Float64
    prior: Float64

    def to_arrow(self, method: str) -> pa.Table:
        """Return the batch in the public schema (roles by name, nulls as nulls)."""
        n = len(self)
        # Only the roles at hand, by name: codes depend on what else ran in the process.
        used = sorted({ROLES[code] for code in np.unique(self.role)})
        place = np.array([used.index(role) if role in used else -1 for role in ROLES], np.int32)

        def masked(values: Float64) -> pa.Array:
            return pa.array(values, mask=np.isnan(values))

        columns = {
            "click_id": self.click_id,
            "event_time": self.event_time,
            "visible_time": self.visible_time,
            "method": pa.DictionaryArray.from_arrays(np.zeros(n, np.int32), pa.array([method])),
            "role": pa.DictionaryArray.from_arrays(place[self.role], pa.array(used, pa.string())),
            "revision": self.revision,
            "weight": self.weight,
            "converted": masked(self.converted),
            "refunded": masked(self.refunded),
            "gmv": masked(self.gmv),
            "pay_count": self.pay_count,
            "previous_gmv": self.previous_gmv,
            "previous_time": pa.array(self.previous_time, mask=self.previous_time < 0),
            "elapsed": self.elapsed,
            "evidence": masked(self.evidence),
            "previous_evidence": masked(self.previous_evidence),
            "prior": masked(self.prior),
        }
        return pa.Table.from_arrays(
            [pa.array(c) if isinstance(c, np.ndarray) else c for c in columns.values()], schema=SCHEMA
        )
