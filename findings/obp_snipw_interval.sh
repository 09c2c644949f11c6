#!/usr/bin/env bash
# Open Bandit Pipeline: the interval of the self-normalised estimator leaves its normalisation out, and is many times too wide.
#
# Packages: obp 0.4.1, the newest that pip finds for CPython 3.11, with torch 2.13.0, numpy 2.4.6, scikit-learn 1.9.1,
#           pandas 3.1.1 and scipy 1.17.1. Seen on Linux.
#
# Expected: estimate_interval() of SelfNormalizedInverseProbabilityWeighting says how much its estimate, the weighted mean
#           sum(w r) / sum(w), would vary over logs like this one. Where every round pays 1 the estimate is 1 whatever was logged,
#           so that the interval is [1, 1]. That its error does not grow with the level of the rewards is why one takes it.
#
# Instead:  the rounds' values are w r / mean(w), with the mean of the whole log, and these are resampled as if each stood for
#           itself: resamples have the mean weight of the log, not their own. With rewards of 1 the interval is about
#           [.89, 1.11]; with rewards of 10 +- 1 it is [8.9, 11.2], where resampling sum(w r) / sum(w) gives [9.9, 10.1]. It is
#           the interval of the estimator that is not self-normalised, around the value of the one that is.
#
# Whom it hurts: who judges a bidder or a ranking off policy by these intervals. Rewards with a level (revenue, clicks of high rate)
#           look undecided that are decided, and the self-normalised estimator never looks better than the plain one.
#
# Exit status: 0 while the behaviour is as described, 1 once it has changed, 2 where the packages cannot be installed.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1

"${PYTHON:-python3}" -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet "torch==2.13.0" "numpy==2.4.6" "scikit-learn==1.9.1" "pandas==3.1.1" \
    "scipy==1.17.1" "obp==0.4.1" || exit 2

cat > "$work/interval.py" <<'PY'
import numpy as np
from obp.ope import SelfNormalizedInverseProbabilityWeighting as SelfNormalised

rng = np.random.default_rng(0)
ROUNDS, ACTIONS = 2_000, 5
logging, target = np.array([0.6, 0.2, 0.1, 0.05, 0.05]), np.array([0.05, 0.05, 0.1, 0.2, 0.6])
action = rng.choice(ACTIONS, ROUNDS, p=logging)
log = {
    "action": action,
    "pscore": logging[action],
    "action_dist": np.broadcast_to(target[None, :, None], (ROUNDS, ACTIONS, 1)).copy(),
}
weight = target[action] / logging[action]


def theirs(reward):
    found = SelfNormalised().estimate_interval(reward=reward, n_bootstrap_samples=1000, random_state=1, **log)
    return found["95.0% CI (lower)"], found["95.0% CI (upper)"]


def resampled(reward):
    values = []
    for _ in range(1000):
        drawn = rng.integers(0, ROUNDS, ROUNDS)
        values.append((weight[drawn] * reward[drawn]).sum() / weight[drawn].sum())
    return np.percentile(values, [2.5, 97.5])


for name, reward in (("rewards of 1", np.ones(ROUNDS)), ("rewards of 10 +- 1", 10 + rng.normal(size=ROUNDS))):
    point = SelfNormalised().estimate_policy_value(reward=reward, **log)
    print(f"{name}: value {point:.1f}", *("{:.1f} to {:.1f}".format(*of(reward)) for of in (theirs, resampled)), sep=", ")
PY

expected="rewards of 1: value 1.0, 0.9 to 1.1, 1.0 to 1.0
rewards of 10 +- 1: value 10.0, 8.9 to 11.2, 9.9 to 10.1"
observed="$(cd "$work" && "$work/env/bin/python" interval.py 2> "$work/err")" || { cat "$work/err" >&2; exit 1; }
echo "$observed"
[ "$observed" = "$expected" ] || { printf 'CHANGED, it was:\n%s\n' "$expected"; exit 1; }
