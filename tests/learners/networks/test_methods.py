"""Every network under methods for CVR, for NetCVR in the cascade and for GMV: it is pre-trained, learns and serves."""

from __future__ import annotations

import pytest

from learners.kit.methods import _whole

SMALL = {"embedding_dim": 4, "hidden": [8, 8], "pretrain_batch_size": 256}
NETWORKS = [
    "deepfm",
    {"kind": "autoint", "attention_units": 8},
    "dcn-v2",
    {"kind": "mmoe", "tower": [4]},
    {"kind": "ple", "hidden": [4]},
    {"kind": "wide-deep", "deep": "deepfm"},
    {"kind": "per-head", "tower": {"kind": "mlp", "norm": False, "dropout": 0.1}},
]


@pytest.mark.parametrize(
    ("method", "around"),
    [
        ("fnw", lambda network: network),
        ("tesla", lambda network: {"conversion": network}),
        ("online-single", lambda network: network),
        ("online-value", lambda network: network),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize(
    "network", NETWORKS, ids=lambda network: network if isinstance(network, str) else network["kind"]
)
def test_it_learns_and_serves(network, method, around, one):
    found = one.method({"method": method, "network": around(network), "learner": SMALL})
    assert not _whole(found)
