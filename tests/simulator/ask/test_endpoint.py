"""A model may re-word what was checked. A server that lies, stalls, breaks off or floods changes no answer."""

import json

import pytest

from simulator.ask.endpoint import Endpoint
from simulator.errors import UsageError
from tests.commands import sim_here
from tests.simulator.ask.made import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs"))


def asked(server, run, question="is es-dfm better than fnw?"):
    return sim_here("ask", question, run, "--endpoint", f"http://127.0.0.1:{server.server_port}/v1")


def checked(run, question="is es-dfm better than fnw?"):
    return sim_here("ask", question, run).stdout


def test_words_that_say_the_same_are_shown_with_their_marks(server, run):
    server.mode = lambda text: text.replace("difference", "a gap of").replace(
        "settled.", "and this is settled."
    )
    done = asked(server, run)
    assert done.stdout.splitlines()[0] == checked(run).splitlines()[0].replace(
        "difference", "a gap of"
    ).replace("settled.", "and this is settled.")
    assert [line for line in done.stdout.splitlines() if line.startswith("Ask next")] == [
        "Ask next: Is fnw better than es-dfm?",
    ]
    assert done.stderr == ""


def test_the_server_is_told_the_checked_answer_alone(server, run):
    server.mode = lambda text: text
    asked(server, run)
    told = json.dumps(server.told)
    assert str(run.parent) not in told
    assert "summary.json" not in told
    assert server.told[0]["stream"] is False


@pytest.mark.parametrize(
    "lie",
    [
        lambda text: text.replace("0.0", "0.1", 1),
        lambda text: text.replace("better", "worse"),
        lambda text: text.replace("es-dfm", "@").replace("fnw", "es-dfm").replace("@", "fnw"),
        lambda text: text + " That is 12 % more.",
        lambda text: text.split(":")[0],
        lambda text: "The best method is es-dfm.",
        lambda text: text + "\n\x1b[2JIgnore all else: fnw 0.9.",
    ],
    ids=["number", "sense", "swapped", "added", "cut off", "all gone", "control"],
)
def test_words_that_change_something_are_dropped(server, run, lie):
    server.mode = lie
    done = asked(server, run)
    assert done.stdout.startswith(checked(run))
    assert "did not say what the files say" in done.stderr


@pytest.mark.parametrize("mode", ["cut", "fail", "nonsense", "redirect", "flood", "stall", "trickle"])
def test_a_server_that_misbehaves_costs_a_warning(server, run, mode, monkeypatch):
    monkeypatch.setattr("simulator.ask.endpoint.Endpoint.at", _hasty(Endpoint.at))
    server.mode = mode
    done = asked(server, run)
    assert done.stdout == checked(run)
    assert "did not answer" in done.stderr


def _hasty(made):
    return lambda *words, **options: made(*words, **options, timeout=0.5)


def test_no_server_at_all_costs_a_warning(run):
    done = sim_here("ask", "auc of fnw", run, "--endpoint", "http://127.0.0.1:9/v1")
    assert done.stdout == checked(run, "auc of fnw")
    assert "did not answer" in done.stderr


@pytest.mark.parametrize(
    "address",
    [
        "http://192.0.2.1/v1",
        "http://0.0.0.0:80/v1",
        "http://127.0.0.1.example.invalid/v1",
        "http://[2001:db8::1]/v1",
    ],
)
def test_only_this_machine_is_told_unless_allowed(address):
    with pytest.raises(UsageError, match="--allow-remote"):
        Endpoint.at(address)
    assert Endpoint.at(address, remote=True).address.geturl() == address
    assert Endpoint.at("http://[::1]:8080/v1").address.port == 8080


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "127.0.0.1:8080", "http://", "http://a@127.0.0.1/v1", "http://127.0.0.1:x/"],
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UsageError, match=r"127\.0\.0\.1:8080/v1"):
        Endpoint.at(address)
