"""The script of a page, run by a browser where there is one: figures are drawn, read by key, and told as tables."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import asdict

import pytest

from simulator.evaluation.ageing import Ageing
from simulator.report.ageing import ageing_section
from simulator.report.html import report_from_run
from tests.simulator.report.made import make_run

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
HOSTILE = "</script><img src=x onerror=window.hacked=1>'\"&{{ 1 }}"
"""A feature of a log may have any name."""
AGED = {
    "entities": 9,
    "young": 0,
    "methods": {"es-dfm": {"median": 1.0, "never": 0.1, "money": 3.5, "calibrated": [0.2, 0.5, 0.9]}},
}
ASK = """
<script>
const found = {errors: window.failed || []};
const place = (name) => document.getElementById("figure-" + name);
const lines = (name) => place(name).querySelectorAll(":scope > svg path[stroke-linejoin]").length;
found.hacked = window.hacked || document.querySelectorAll("img").length;
found.axis = [...place("section-0").querySelectorAll("text.title")].map((text) => text.textContent);
found.drawn = [...document.querySelectorAll(".figure > svg")].map((svg) => svg.querySelectorAll("path, circle").length);
found.wide = Math.max(...[...document.querySelectorAll(".figure")].map((one) => one.scrollWidth - one.clientWidth));
found.page = document.documentElement.scrollWidth - document.documentElement.clientWidth;
found.label = place("cvr-calibration").querySelector("svg[role=img]").getAttribute("aria-label");
found.phases = [...place("cvr-calibration").querySelectorAll("text.phase")].map((text) => text.textContent);
const svg = place("cvr-calibration").querySelector("svg[role=img]");
const press = (key) => svg.dispatchEvent(new KeyboardEvent("keydown", {key}));
press("End"); press("Home");
found.read = place("cvr-calibration").querySelector(".readout").textContent;
found.before = lines("cvr-calibration");
place("cvr-calibration").querySelector(".legend button[aria-pressed=true]").click();
found.after = lines("cvr-calibration");
const select = place("cvr-paired").querySelector("select");
select.selectedIndex = 1;
select.dispatchEvent(new Event("change"));
for (const details of document.querySelectorAll(".numbers")) details.open = true;
const table = () => {
  found.table = [...place("cvr-paired").querySelectorAll("tr")].map((row) => [...row.children].map((cell) => cell.textContent));
  document.body.innerHTML = "";
  document.body.append("FOUND" + JSON.stringify(found) + "END");
};
setTimeout(table, 200);
</script>
"""


@pytest.fixture(scope="module", params=[380, 1200])
def found(request, tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    results, summary = make_run()
    section = ageing_section(HOSTILE, {"cvr": AGED}, Ageing())
    (run / "summary.json").write_text(
        json.dumps({**summary, "title": HOSTILE, "sections": [asdict(section)]})
    )
    results.write_metrics(run / "metrics.parquet")
    page = report_from_run(run).read_text(encoding="utf-8")
    catch = "<script>window.failed = []; window.onerror = (said) => window.failed.push(said);</script>"
    page = page.replace("<head>", "<head>" + catch).replace("</body>", ASK + "</body>")
    (run / "asked.html").write_text(page, encoding="utf-8")
    frame = f'<iframe src="asked.html" style="border:0;width:{request.param}px;height:900px"></iframe>'
    outer = f"{frame}<script>setTimeout(() => document.body.append(frames[0].document.body.textContent), 1500)</script>"
    (run / "frame.html").write_text(f"<body>{outer}</body>")
    shown = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
         f"--user-data-dir={run / 'profile'}", "--virtual-time-budget=4000", "--dump-dom", (run / "frame.html").as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return json.loads(re.search(r"FOUND(.*)END", html.unescape(shown.stdout)).group(1))


def test_every_figure_is_drawn_within_the_page(found):
    assert found["errors"] == []
    assert min(found["drawn"]) > 3
    assert found["wide"] <= 0
    assert found["page"] <= 0
    assert found["phases"] == ["anticipation", "promotion", "after"]


def test_names_of_features_are_text_whatever_they_are(found):
    assert found["hacked"] == 0
    assert found["axis"] == ["CVR: calibrated", f"age of {HOSTILE}, days"]


def test_a_figure_is_read_by_keys_and_lines_are_chosen_by_buttons(found):
    assert found["label"].startswith("Calibration over time")
    assert re.match(r"2024-11-08 12:00: .*es-dfm [\d.]+", found["read"])
    assert found["after"] == found["before"] - 1


def test_a_baseline_is_chosen_and_the_table_follows(found):
    heads, *rows = found["table"]
    _, summary = make_run()
    baseline = heads[2]
    assert heads[:2] == ["time, UTC", summary["ranking"]["cvr"]["methods"][0]]
    assert {row[2].split(" ")[0] for row in rows} == {"0"}, baseline
    assert any(re.fullmatch(r"-?[\d.]+ \(-?[\d.]+ to -?[\d.]+\)", row[1]) for row in rows)
