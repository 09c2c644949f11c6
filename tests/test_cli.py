"""The command line as its user meets it: a process, its messages and its exit code."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

import sim
from simulator.commands.failure import guard
from simulator.commands.scenarios import copy_scenario, run_directory
from simulator.errors import RunError, ScenarioError
from simulator.scenario.load import load_scenario

ROOT = Path(__file__).parents[1]
VERBS = [
    "ask",
    "audit",
    "check",
    "compare",
    "cp",
    "deliver",
    "describe",
    "export",
    "import",
    "instruct",
    "listen",
    "ls",
    "new",
    "report",
    "resume",
    "run",
    "sensitivity",
    "validate",
    "verdict",
]


def run(*words, cwd=ROOT, **environment):
    return subprocess.run(
        [sys.executable, str(ROOT / "sim.py"), *words],
        check=False, cwd=cwd, capture_output=True, text=True, timeout=60,
        env={**os.environ, "COLUMNS": "200", **environment},
    )  # fmt: skip


def call(*words, capsys):
    """Run in this process: the exit code, stdout and stderr."""
    with pytest.raises(SystemExit) as ended:
        sim.main(list(words))
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


def loaded_modules(*words, program="import sim\ntry: sim.main(sys.argv[1:])\nexcept SystemExit: pass"):
    """Return which packages a command imports, Python's own and their private parts aside."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint('MODULES', *sys.modules)", *words],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    names = {name.split(".")[0] for name in done.stdout.rsplit("MODULES", 1)[1].split()}
    return {name for name in names - sys.stdlib_module_names if not name.startswith("_")}


HELP = {"sim", "simulator", "learners", "cyclopts", "attr", "attrs", "docstring_parser", "rich", "rich_rst"}
READING = HELP | {
    "numpy", "pyarrow", "duckdb", "cloudpickle", "cython_runtime", "pydantic", "pydantic_core", "annotated_types",
    "tomlkit", "typing_extensions", "typing_inspection", "tzdata",
}  # fmt: skip
"""Packages that a command may load. Whoever adds one makes every start slower, and says so here."""


def test_help_is_light_and_fast():
    assert loaded_modules("--help") <= HELP
    best = min(_seconds("--help") - _seconds("-c") for _ in range(3))
    assert best < 0.8  # 0.2 s on an idle core


def _seconds(argument):
    command = [sys.executable, "-c", "pass"] if argument == "-c" else [sys.executable, "sim.py", argument]
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return time.perf_counter() - start


@pytest.mark.parametrize("verb", ["validate", "describe"])
def test_reading_a_scenario_loads_no_learner(verb):
    words = [verb, "scenarios/minimal.toml", *(["--no-data"] if verb == "describe" else [])]
    assert loaded_modules(*words) <= READING


def test_torch_is_loaded_when_a_learner_is_built():
    """Not while a scenario is read, a world made, a log looked at."""
    assert loaded_modules(program="import learners.session.run, learners.session.auditing") <= READING | {
        "simpy"
    }


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_ends_with_examples(verb, capsys):
    code, out, _ = call(verb, "--help", capsys=capsys)
    assert code == 0
    assert f"python sim.py {verb}" in out.split("Examples:")[1]


def test_help_lists_every_verb_and_version_is_known(capsys):
    code, out, _ = call("--help", capsys=capsys)
    assert code == 0
    assert all(verb in out for verb in VERBS)
    code, out, _ = call("--version", capsys=capsys)
    assert (code, out.split()[0]) == (0, "afterclick")
    assert re.fullmatch(r"\d+\.\d+\.\d+", out.split()[1])


def test_nothing_at_all_shows_the_help():
    done = run()
    assert done.returncode == 2
    assert "Usage: python sim.py" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["validat", "x"], ["'validat'", "Did you mean 'validate'?", "Verbs: ask, audit"]),
        (["minimal"], ["neither a verb nor a scenario file", "scenarios/minimal.toml"]),
        (["scenarios/minmal.toml"], ["no such file", "Did you mean 'scenarios/minimal.toml'?"]),
        (["validate", "scenarios/duble11.toml"], ["no such file", "Did you mean 'scenarios/double11.toml'?"]),
        (["run", "scenarios/minimal.toml", "--sed", "3"], ["--sed", "Did you mean --seed?", "--help"]),
        (["validate", "scenarios/minimal.toml", "x"], ["unexpected argument: x"]),
        (["run", "scenarios/minimal.toml", "--progress", "loud"], ["loud", "auto", "plain", "none"]),
        (["run", "scenarios/minimal.toml", "--seed", "x"], ["--seed", "x"]),
        (["run", "scenarios/minimal.toml", "--seed", "-1"], ["--seed: seed = -1", "at least 0"]),
        (["run"], ["SCENARIO", "--help"]),
        (["ls", "polices"], ["polices", "policies"]),
        (["validate", "scenarios/minimal.toml", "--set", "method.fnw.objective=bec"], ["bec", "'bce'"]),
        (["validate", "scenarios/minimal.toml", "--set", "method.0.method=orcale"], ["'orcale'", "'oracle'"]),
        (
            ["validate", "scenarios/minimal.toml", "--set", "windows.x=1", "--set", "seed=a"],
            ["2 faults", "windows.x=1", "unknown key", 'seed = "a"'],
        ),
        (["compare"], ["name one finished run"]),
        (["compare", "nowhere", "elsewhere"], ["2 faults", "nowhere: no such run"]),
        (["report", "nowhere"], ["no such run directory"]),
        (["report", "scenarios"], ["no summary.json"]),
        (["cp", "minimum"], ["no scenario 'minimum'", "Did you mean 'minimal'?"]),
        (["export", "scenarios", "--out", "x.parquet", "--windows", "3"], ["--windows 3", "not a duration"]),
        (["import", "retailroket", "x", "--out", "y"], ["unknown format", "Did you mean 'retailrocket'?"]),
        (["import", "retailrocket", "x", "--out", "y", "--attribution", "1x"], ["--attribution 1x", "'3d'"]),
    ],
)  # fmt: skip
def test_mistakes_of_usage(words, said, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    code, out, err = call(*words, capsys=capsys)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert all(part in " ".join(err.split()) for part in said), err


def test_a_mistake_in_a_process_of_its_own():
    done = run("scenarios/minmal.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean 'scenarios/minimal.toml'?" in done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_scenarios_validate(path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    code, out, err = call("validate", f"scenarios/{path.name}", capsys=capsys)
    assert code == 0
    assert out.startswith(f"scenarios/{path.name}: valid; ")
    first_sale = err.count("no sale opens in the history")  # settlement without a clock, shown as such
    known = {
        "double11": 1, "double11_all": 1, "first_sale": 1, "entire_space_delayed": 4,
        "closed_loop": 1, "closed_loop_budget": 1,
    }  # fmt: skip
    assert first_sale == known.get(path.stem, 0)
    # And what is always said: a trap, a protocol.
    said = (path.stem == "time_features") + (path.stem in ("ali_ccp", "ali_express"))
    expected = err.count("nothing is there yet") + said + first_sale
    assert err.count("warning:") == expected


def test_a_stream_that_does_not_fit_is_a_fault(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    code, _, err = call("validate", "scenarios/minimal.toml", "--set", "stream.history=8d", capsys=capsys)
    assert code == 2
    assert err.startswith("error: scenarios/minimal.toml: stream")


def test_describe_shows_origins(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    code, out, _ = call(
        "describe", "scenarios/minimal.toml", "--no-data", "--set", "stream.segment=1h", capsys=capsys
    )
    assert code == 0
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}
    assert lines["stream.segment"] == ['"1h"', "--set"]
    assert lines["windows.attribution"] == ['"1d"', "scenarios/minimal.toml"]
    assert lines["engine.tick"] == ['"1d"', "(from", "the", "log's", "density)", "default"]


def test_ls_names_everything(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    code, out, _ = call("ls", capsys=capsys)
    assert code == 0
    for name in ("minimal.toml", "es-dfm", "elapsed-time", "window =", "retailrocket", "online-retail"):
        assert name in out
    code, out, _ = call("ls", "methods", capsys=capsys)
    assert code == 0
    assert "policies" not in out.splitlines()[0]


def test_cp_copies_once(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("cp", "minimal", capsys=capsys)
    assert (code, out) == (0, "minimal.toml\n")
    assert (tmp_path / "minimal.toml").read_text() == (ROOT / "scenarios/minimal.toml").read_text()
    code, _, err = call("cp", "minimal", capsys=capsys)
    assert code == 2
    assert "exists already" in err


def test_cp_keeps_what_is_extended(tmp_path):
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "base.toml").write_text((ROOT / "scenarios/minimal.toml").read_text())
    (shipped / "top.toml").write_text('extends = "base.toml"\nseed = 3\n')
    copied = copy_scenario(str(shipped / "top.toml"), tmp_path / "mine.toml")
    assert load_scenario(copied).scenario.world == load_scenario(shipped / "top.toml").scenario.world


def test_run_directory_suggests(tmp_path):
    (tmp_path / "runs" / "demo-s0").mkdir(parents=True)
    (tmp_path / "runs" / "demo-s0" / "summary.json").write_text("{}")
    assert run_directory(tmp_path / "runs" / "demo-s0")
    with pytest.raises(ScenarioError, match="Did you mean 'demo-s0'"):
        run_directory(tmp_path / "runs" / "demo-s1")
    with pytest.raises(ScenarioError, match="runs below it"):
        run_directory(tmp_path / "runs")


def raising(error):
    def command():
        raise error

    return command


def test_how_commands_end(capsys):
    assert guard(lambda: None) == 0
    assert guard(lambda: 3) == 3
    assert guard(raising(RunError("it broke"))) == 1
    assert capsys.readouterr().err == "error: it broke\n"
    assert guard(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert guard(raising(PermissionError(13, "Permission denied", "x/y"))) == 1
    assert capsys.readouterr().err == "error: x/y: Permission denied\n"


def test_out_of_memory_is_said_plainly(capsys):
    for error in (MemoryError(), RuntimeError("[enforce fail] can't allocate memory: 40000000000 bytes")):
        assert guard(raising(error)) == 1
        err = capsys.readouterr().err
        assert err.startswith("error: out of memory (")
        assert "engine.workers" in err


def test_a_run_without_clicks_in_its_stream_says_so(tmp_path):
    clicks = "SELECT i AS click_id, i * 1000000 AS time, i % 9 AS user_id, i % 7 AS item_id, i % 3 AS place"
    duckdb.sql(f"{clicks} FROM range(30_000) r(i)").write_parquet(str(tmp_path / "clicks.parquet"))
    duckdb.sql("SELECT 7 AS click_id, 95_000_000_000 AS time, 'pay' AS kind, 2.0 AS amount").write_parquet(
        str(tmp_path / "events.parquet")
    )
    (tmp_path / "s.toml").write_text(f"""
        [data]
        clicks = '{tmp_path}/clicks.parquet'
        events = '{tmp_path}/events.parquet'
        [data.columns]
        time_unit = "ms"        # they are microseconds: half a minute becomes a year
        [windows]
        attribution = "1h"
        refund = "0s"
        [stream]
        start = "1000d"
        [output]
        cache = '{tmp_path}/cache'
        [[method]]
        method = "fnw"
    """)
    done = run("run", str(tmp_path / "s.toml"), "--out", str(tmp_path / "runs"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "no click of" in done.stderr
    assert not list((tmp_path / "runs").rglob("*-s0*"))


def test_a_fault_of_ours_can_be_reported(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert guard(raising(ZeroDivisionError("division [by] zero"))) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ZeroDivisionError: division [by] zero\n")
    assert "Traceback (most" not in err
    (kept,) = tmp_path.iterdir()
    assert str(kept) in err
    assert "ZeroDivisionError" in kept.read_text()
    with pytest.raises(ZeroDivisionError):
        guard(raising(ZeroDivisionError()), debug=True)


def test_debug_shows_the_traceback_and_a_closed_pipe_is_no_error():
    done = run("validate", "nowhere.toml", AFTERCLICK_DEBUG="1")
    assert "Traceback" in done.stderr
    assert "Traceback" in run("validate", "nowhere.toml", "--debug").stderr
    script = f"{sys.executable} sim.py ls methods | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.strip() in {"0", "141"}
