#!/usr/bin/env bash
# deepctr-torch passes ids as float32: above 2**24 ids share embedding rows two by two, and nothing says so.
#
# Packages: deepctr-torch 0.3.0 with torch 2.13.0, scikit-learn 1.9.1 and requests 2.34.2. Seen with CPython 3.11 on Linux.
#
# Expected: SparseFeat(name, vocabulary_size=V) has a table of V rows, and each integer id below V its own row. Ids are given to
#           fit() and predict() as an int64 array.
#
# Instead:  fit() and predict() put all features of a row, sparse and dense, into one matrix and make it float32 before the model
#           sees it; the embedding layer turns it back into integers. float32 has 24 bits for them, so that from 16,777,217 on odd
#           ids are rounded to an even neighbour (and from 2**25 on to multiples of four). Half of the rows above are never read,
#           and those that are belong to two ids each. No error, no warning: the table has the full size.
#
# Whom it hurts: CTR and CVR models over user, item or hashed ids of a real shop, where 17 million ids and more are usual
#           (hash spaces of 2**25 rows and larger, user ids without a dictionary). Accuracy suffers quietly, memory does not
#           shrink, and a reference implementation that keeps integers gives other numbers.
#
# Exit status: 0 while the behaviour is as described, 1 once it has changed, 2 where the packages cannot be installed.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1

"${PYTHON:-python3}" -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet "torch==2.13.0" "scikit-learn==1.9.1" "requests==2.34.2" "deepctr-torch==0.3.0" || exit 2

cat > "$work/ids.py" <<'PY'
import numpy as np
import torch
from deepctr_torch.inputs import SparseFeat
from deepctr_torch.models import WDL

FIRST = 2**24
feature = SparseFeat("user", vocabulary_size=FIRST + 65, embedding_dim=1)
model = WDL([feature], [feature], dnn_hidden_units=(1,), device="cpu")
table = model.linear_model.embedding_dict["user"].weight  # what the linear part adds for each id
with torch.no_grad():
    table[:, 0] = 0
    table[FIRST:, 0] = torch.linspace(-1, 1, 65)  # no two of the last rows alike
ids = np.arange(FIRST, FIRST + 64, dtype=np.int64)
said = model.predict({"user": ids}, batch_size=64).ravel()
print("ids", len(ids), "rows", len(torch.unique(table[FIRST : FIRST + 64])), "predictions", len(np.unique(said)))
low = said[:2]
print("16777216 and 16777217 are told apart:", bool(low[0] != low[1]))
PY

expected="ids 64 rows 64 predictions 33
16777216 and 16777217 are told apart: False"
"$work/env/bin/python" "$work/ids.py" > "$work/out" 2> "$work/err" || { cat "$work/err" >&2; exit 1; }
observed="$(grep -E '^(ids|16777216) ' "$work/out")" # it also prints whether it could look for a newer version
echo "$observed"
[ "$observed" = "$expected" ] || { printf 'CHANGED, it was:\n%s\n' "$expected"; exit 1; }
