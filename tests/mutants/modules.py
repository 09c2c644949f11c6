"""The central modules, and the nearest tests of each."""

from __future__ import annotations

_ENGINE = "tests/simulator/engine/"
_EVALUATION = "tests/simulator/evaluation/"
_LEARNERS = "tests/learners/"
_LOG = "tests/simulator/log/"
_POLICIES = "tests/simulator/policies/"
_SETTLEMENT = "tests/learners/settlement/"
_DEFAULTS = _LEARNERS + "test_reference.py::test_what_is_written_is_what_the_models_say[reference.md]"
"""Fails where a parameter's default is not the one that is documented."""
_PROMISES = _POLICIES + "test_policies.py::test_who_promises_the_final_label"


def _policies() -> dict[str, tuple[str, ...]]:
    deliveries = (
        "complete duplicate elapsed_time fake_negative in_window multi_window oracle real_negative satellites"
    )
    golden = dict.fromkeys([*deliveries.split(), "waiting_window"], "test_golden_deliveries.py")
    golden |= dict.fromkeys(("partial_gmv", "windowed_gmv"), "test_golden_gmv.py")
    golden["by_phase"] = "test_by_phase.py"
    return {
        f"simulator/policies/{name}.py": (
            _PROMISES,
            _POLICIES + test,
            _POLICIES + "test_closed_form.py",
            _DEFAULTS,
        )
        for name, test in golden.items()
    }


def _objectives() -> dict[str, tuple[str, ...]]:
    nearest = {
        "test_cvr_objectives": "bce bi_defuse ddfm defer defuse dfm dfsn es_dfm fnw fsiw miss",
        "test_gmv_objectives": "hurdle log_mae quantile reader routed_log_mae ziln",
        "test_tesla": "base ranking tesla",
        "test_cascade": "cascade direct",
        "test_entire_space": "entire_space",
    }
    weighted = dict.fromkeys(["base", "ddfm", "defer", "defuse", "es_dfm", "fnw", "fsiw"], ("test_weighted",))
    weighted["base"] += ("test_finals",)
    return {
        f"learners/objectives/{name}.py": (
            *(f"{_LEARNERS}{near}.py" for near in ("test_objectives", test, *weighted.get(name, ()))),
            _DEFAULTS,
        )
        for test, names in nearest.items()
        for name in names.split()
    }


def _spaces() -> dict[str, tuple[str, ...]]:
    losses = _LEARNERS + "test_entire_space.py"
    names = "base dcmt dr evi ips nise observed potential propensity"
    return {f"learners/spaces/{name}.py": (losses, _DEFAULTS) for name in names.split()} | {
        "learners/spaces/esm2.py": (_LEARNERS + "test_esm2.py", _DEFAULTS)
    }


def _settlement() -> dict[str, tuple[str, ...]]:
    nearest = {
        "cascade": ("cascade",),
        "gmv": ("gmv",),
        "objective": ("objective",),
        "policy": ("policy", "push"),
        "push": ("push", "gmv"),
        "remaining": ("remaining",),
        "settler": ("settler", "policy", "cascade"),
        "evidence_of_pays": ("evidence", "onsets"),
        "evidence/fit": ("evidence", "prior"),
        "evidence/layout": ("evidence", "uncertain"),
        "evidence/net": ("evidence", "uncertain"),
        "evidence/onsets": ("onsets",),
        "evidence/prior": ("prior",),
        "evidence/progressive": ("evidence",),
        "evidence/uncertain": ("uncertain",),
    }
    refunds = _SETTLEMENT + "test_learning_cascade.py::test_"
    asked = ("the_net_finds_how_soon_refunds_come", "the_refund_logit_is_told_to_the_net_without_the_offset")
    return {
        f"learners/settlement/{name}.py": tuple(f"{_SETTLEMENT}test_{test}.py" for test in tests)
        for name, tests in nearest.items()
    } | {"learners/settlement/evidence_of_refunds.py": tuple(refunds + test for test in asked)}


def _engine() -> dict[str, tuple[str, ...]]:
    test_engine = tuple(
        f"{_ENGINE}test_engine.py::test_{name}"
        for name in (
            "settled_labels_are_the_closed_form_and_leave_in_order",
            "an_upload_delays_what_is_known_and_changes_no_label",
            "ragged_ticks_change_nothing",
            "the_same_where_events_become_known_late_and_out_of_order",
            "same_samples_as_one_process_per_journey",
        )
    )
    samples, order, state, told = (
        f"{_ENGINE}test_{name}.py" for name in ("samples", "order", "journey_state", "ask_and_tell")
    )
    rules = _POLICIES + "test_policies.py::test_rules_of_the_outbox"
    timers = _POLICIES + "test_policies.py::test_timers_without_end_are_stopped_by_name"
    together = (
        _POLICIES + "test_policies.py::test_as_many_timers_of_a_click_as_are_allowed_may_be_due_together"
    )
    unasked = "tests/simulator/test_exposures.py::test_nobody_hears_of_impressions_who_did_not_ask"
    nearest = {
        "batch": (told, samples, order, rules, state, *test_engine),
        "engine": (order, samples, state, unasked, *test_engine),
        "journeys": (order, state, samples, *test_engine),
        "late": (state, *test_engine),
        "outbox": (samples, rules, order, together, *test_engine),
        "runner": (order, told, samples, timers, *test_engine),
        "timers": (_ENGINE + "test_timers.py", timers, together, order),
        "waves": (order, state, *test_engine),
    }
    return {f"simulator/engine/{name}.py": tests for name, tests in nearest.items()}


TESTS: dict[str, tuple[str, ...]] = {
    **_policies(),
    **_objectives(),
    **_spaces(),
    **_settlement(),
    **_engine(),
    "learners/batch.py": (_LEARNERS + "test_objectives.py", _LEARNERS + "test_cvr_objectives.py"),
    "learners/escim/rules.py": (_LEARNERS + "escim/test_rules.py",),
    "learners/impressions.py": (_LEARNERS + "test_entire_space.py",),
    "learners/journal.py": (_LEARNERS + "test_journal.py",),
    "simulator/exposures.py": ("tests/simulator/test_exposures.py", "tests/simulator/pipeline/test_shown.py"),
    "simulator/evaluation/metrics.py": (_EVALUATION + "test_metrics.py", _EVALUATION + "test_amounts.py"),
    "simulator/evaluation/deciles.py": tuple(
        f"{_EVALUATION}test_over_all_rows.py::test_deciles_{name}"
        for name in (
            "without_a_number",
            "hold_what_was_predicted_at_nothing",
            "of_parts_are_those_of_the_whole",
        )
    ),
    "simulator/evaluation/cells.py": (_EVALUATION + "test_cells.py", _EVALUATION + "test_ledger.py"),
    "simulator/evaluation/ledger.py": (_EVALUATION + "test_ledger.py", _EVALUATION + "test_over_all_rows.py"),
    "simulator/pipeline/mailbox.py": ("tests/simulator/pipeline/test_pipeline.py",),
    "simulator/pipeline/shown.py": ("tests/simulator/pipeline/test_shown.py",),
    "simulator/log/quarantine.py": (_LOG + "test_reasons.py", _LOG + "test_ingest.py"),
    "simulator/log/quarantine_impressions.py": (_LOG + "test_ingest_impressions.py",),
    "simulator/log/refunds.py": (_LOG + "test_refunds.py", _LOG + "test_reasons.py"),
}
"""What pytest is given to find a fault of each module, the quickest first."""
