"""Where the CVR methods settle in a one-cell world: exact expected counts of each delivery, exact estimates."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.batch import Batch
from learners.objectives import OBJECTIVES
from learners.serve import LINKS
from simulator.units import HOUR


class Cell:
    """Clicks alike: P(pays), and the part that comes late, and the part that comes inside half the window."""

    def __init__(self, p: float, late: float, half: float) -> None:
        self.p, self.late, self.half, self.early = p, late, half, p - late
        self.estimates = {
            "p_dp": late,
            "p_rn": (1 - p) / (1 - p + late),
            "p_observed": (p - late) / p,
            "p_never": (1 - p) / (1 - p + late),
            "q_cvr": p,
        }
        self.first = [("immediate_positive", 1, self.early), ("negative", 0, 1 - self.early)]
        self.elapsed = [*self.first, ("delayed_positive", 1, late)]
        self.certain = [("delayed_positive", 1, late), ("real_negative", 0, 1 - p)]
        self.duplicate = [*self.elapsed, ("copy", 1, self.early), ("real_negative", 0, 1 - p)]
        self.fake_negative = [("negative", 0, 1.0), ("positive", 1, p)]
        between = (self.early - half) / 2
        self.windows = [
            ("immediate_positive", 1, half), ("immediate_positive_2", 1, between), ("immediate_positive_3", 1, between),
            ("negative", 0, 1 - self.early), ("delayed_positive", 1, late),
        ]  # fmt: skip
        self.satellites = [
            *self.elapsed, ("feature", 1, half), ("feature", 0, 1 - half),
            ("unbias_negative", 0, 1.0), ("unbias_positive", 1, p),
        ]  # fmt: skip


CARD = Cell(0.20, 0.08, 0.07)
CASCADE = Cell(0.0685, 0.0685 * (1 - 0.277), 0.012)


def settle(objective, stream, cell, samples, **columns):
    """Return per head the logit where all gradients vanish."""
    roles, labels, counts = zip(*stream, strict=True)
    n = len(roles)
    rows = samples(n, converted=labels, weight=counts, role=roles, **columns)
    estimates = {name: torch.full((n,), v, dtype=torch.float64) for name, v in cell.estimates.items()}
    batch = Batch(rows, estimates, torch.float64)
    logits = {h: torch.full((1,), -1.0, dtype=torch.float64, requires_grad=True) for h in objective.heads}
    optimiser = torch.optim.LBFGS(
        list(logits.values()), lr=0.5, max_iter=400, tolerance_grad=1e-12, tolerance_change=0
    )

    def closure():
        optimiser.zero_grad()
        loss = objective.loss(batch, {head: logit.expand(n) for head, logit in logits.items()})
        loss.backward()
        return loss

    optimiser.step(closure)
    return {head: logit.detach().numpy() for head, logit in logits.items()}


def served(kind, stream, cell, samples, link="probability", **parameters):
    outputs = settle(OBJECTIVES[kind](**parameters), getattr(cell, stream), cell, samples)
    return float(LINKS[link]().serve(outputs)["cvr"][0])


@pytest.mark.parametrize("cell", [CARD, CASCADE])
@pytest.mark.parametrize(
    ("kind", "stream", "parameters", "link"),
    [
        ("es-dfm", "elapsed", {}, "probability"),
        ("defer", "duplicate", {}, "probability"),
        ("defer", "duplicate", {"ratio": "signed"}, "probability"),
        ("defuse", "elapsed", {}, "probability"),
        ("bi-defuse", "elapsed", {}, "two-windows"),
        ("ddfm", "first", {}, "probability"),
        ("ddfm", "certain", {}, "probability"),
        ("ddfm", "certain", {"share": "signed"}, "probability"),
        ("ddfm", "certain", {"share": "absolute"}, "probability"),
        ("fnw", "fake_negative", {}, "probability"),
        ("fnw", "fake_negative", {"rate": "pre-trained"}, "probability"),
        ("fsiw", "first", {}, "probability"),
    ],
)
def test_consistent_methods_settle_at_p(kind, stream, parameters, link, cell, samples):
    found = served(kind, stream, cell, samples, link, **parameters)
    assert found == pytest.approx(cell.p, abs=1e-3 * (cell.p if cell is CASCADE else 1))


@pytest.mark.parametrize(
    ("kind", "stream", "parameters", "link", "expected"),
    [
        ("bce", "elapsed", {}, "probability", lambda c: c.p / (1 + c.late)),
        ("bce", "first", {}, "probability", lambda c: c.early),
        (
            "defuse", "elapsed", {"merged": True}, "probability",
            lambda c: _of_odds((c.p * (2 + c.late) + c.late**2) / ((1 - c.p) * (1 + c.late))),
        ),
        ("bi-defuse", "elapsed", {"variant": "port"}, "two-windows", lambda c: (c.p + c.late) / (1 + c.late)),
        ("dfsn", "satellites", {}, "satellites", lambda c: c.p / (1 + c.late)),
        ("miss", "windows", {}, "probability", lambda c: c.p / (1 + c.late)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("cell", [CARD, CASCADE])
def test_the_others_settle_where_theory_says(kind, stream, parameters, link, expected, cell, samples):
    assert served(kind, stream, cell, samples, link, **parameters) == pytest.approx(expected(cell), abs=1e-3)


def _of_odds(odds):
    return odds / (1 + odds)


def test_published_figures(samples):
    """NetCVR's rates: what the public code settles at, and what a card of all losses says at p = .2, late .08."""
    assert served("defuse", "elapsed", CASCADE, samples, merged=True) == pytest.approx(0.1275, abs=1e-4)
    assert served("bi-defuse", "elapsed", CASCADE, samples, "two-windows", variant="port") == pytest.approx(
        0.1125, abs=1e-4
    )
    assert served("miss", "windows", CASCADE, samples) == pytest.approx(0.0653, abs=1e-4)
    assert served("defuse", "elapsed", CARD, samples, merged=True) == pytest.approx(0.3284, abs=1e-4)


def test_every_head_of_several(samples):
    def rates(kind, stream, **parameters):
        found = settle(OBJECTIVES[kind](**parameters), getattr(CARD, stream), CARD, samples)
        return {head: 1 / (1 + np.exp(-float(logit[0]))) for head, logit in found.items()}

    p, late, half = CARD.p, CARD.late, CARD.half
    two_thirds = half + (CARD.early - half) / 2
    assert rates("bi-defuse", "elapsed") == pytest.approx(
        {"in_window": CARD.early, "out_window": late}, abs=1e-3
    )
    assert rates("dfsn", "satellites") == pytest.approx(
        {"cvr": p / (1 + late), "unbias": p, "feature": half}, abs=1e-3
    )
    assert rates("miss", "windows") == pytest.approx(
        {
            "half_window": (half + late) / (1 + late),
            "two_thirds_window": (two_thirds + late) / (1 + late),
            "whole_window": p / (1 + late),
            "cvr": p / (1 + late),
        },
        abs=1e-3,
    )


def test_a_wrong_frozen_rate_stays_in_fnw(samples):
    cell = Cell(0.20, 0.08, 0.07)
    cell.estimates["q_cvr"] = 0.10
    found = served("fnw", "fake_negative", cell, samples, rate="pre-trained")
    assert found == pytest.approx(0.20 / (0.20 + 0.90), abs=1e-3)


def test_defer_leaves_the_trap_of_the_signed_ratio(samples):
    """From below p_dp / 2 the published weights, bounded, come back to p; the public code's drive it to zero."""

    def ends(ratio):
        objective, logit = OBJECTIVES["defer"](ratio=ratio), -5.0
        roles, labels, counts = zip(*CASCADE.duplicate, strict=True)
        rows = samples(len(roles), converted=labels, weight=counts)
        estimates = {"p_dp": torch.full((len(roles),), CASCADE.late, dtype=torch.float64)}
        for _ in range(4000):
            leaf = torch.tensor([logit], dtype=torch.float64, requires_grad=True)
            objective.loss(Batch(rows, estimates, torch.float64), {"cvr": leaf.expand(len(roles))}).backward()
            logit -= 10 * float(leaf.grad)
        return 1 / (1 + np.exp(-logit))

    assert ends("bounded") == pytest.approx(CASCADE.p, abs=1e-3)
    assert ends("signed") < 1e-3


def test_dfm_recovers_rate_and_delay_of_an_exponential_world(samples):
    p, rate, window = 0.2, 0.4, 6.0  # per hour, hours
    share = 1 - np.exp(-rate * window)
    grid = (np.arange(2000) + 0.5) / 2000
    delay = (-np.log1p(-grid * share) / rate * HOUR).astype(np.int64)
    n = len(delay) + 1
    rows = samples(
        n,
        converted=np.append(np.ones(n - 1), 0.0),
        weight=np.append(np.full(n - 1, p * share / (n - 1)), 1 - p * share) * n,
        elapsed=int(window * HOUR),
        event_time=int(window * HOUR),
        previous_time=np.append(delay, -1),
    )
    batch, objective = Batch(rows, None, torch.float64), OBJECTIVES["dfm"]()
    logits = torch.tensor([-1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], lr=0.5, max_iter=500, tolerance_grad=1e-12, tolerance_change=0)

    def closure():
        optimiser.zero_grad()
        loss = objective.loss(batch, {"cvr": logits[0].expand(n), "log_rate": logits[1].expand(n)})
        loss.backward()
        return loss

    optimiser.step(closure)
    o, log_rate = logits.tolist()
    assert 1 / (1 + np.exp(-o)) == pytest.approx(p, abs=1e-3)
    assert np.exp(log_rate) == pytest.approx(rate, abs=1e-3)
