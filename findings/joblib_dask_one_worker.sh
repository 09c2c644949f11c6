#!/usr/bin/env bash
# joblib's "dask" backend sends nothing to a cluster that has one worker of one thread: all jobs run in the caller's process.
#
# Packages: joblib 1.6.0 with distributed 2026.8.0 (its backend is part of joblib). Seen with CPython 3.11 on Linux.
#
# Expected: under parallel_config("dask"), jobs run on the cluster that the client is connected to, be it of one worker or of
#           many; how many there are decides how many jobs run at a time. A caller without memory, data or a GPU of its own
#           relies on that, and so does one who wants to outlive a job that kills its process.
#
# Instead:  joblib asks the backend how many jobs it can run at once. Where the answer is 1 it puts its sequential backend in
#           place of dask's, as it does for n_jobs=1 of its own pools: every job of the call runs in the caller, one after the
#           other, without a warning, and the worker stays idle. n_jobs=2 and n_jobs=-1 change nothing, since the dask backend
#           answers with what the cluster has. From two workers on everything runs on the cluster and nothing in the caller.
#
# Whom it hurts: experiments that are fanned out with joblib over a cluster that starts small, or from a laptop to one large
#           machine: jobs run on the laptop (wrong memory, wrong files, wrong machine in the records), and one that is
#           killed takes the whole program with it.
#
# Exit status: 0 while the behaviour is as described, 1 once it has changed, 2 where the packages cannot be installed.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1

"${PYTHON:-python3}" -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet "joblib==1.6.0" "distributed==2026.8.0" "dask==2026.8.0" || exit 2

cat > "$work/where.py" <<'PY'
import os

from dask.distributed import Client, LocalCluster
from joblib import Parallel, delayed, parallel_config


def who():
    return os.getpid()


if __name__ == "__main__":
    for workers in (1, 2):
        cluster = LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        )
        with cluster, Client(cluster) as client:
            theirs = set(client.run(os.getpid).values())
            for jobs in (None, 2, -1):
                with parallel_config("dask"):
                    ran = set(Parallel(n_jobs=jobs)(delayed(who)() for _ in range(6)))
                place = "the caller" if ran == {os.getpid()} else "the cluster" if ran <= theirs else "elsewhere"
                print(f"workers {workers}, n_jobs {jobs}: {place}")
PY

expected="workers 1, n_jobs None: the caller
workers 1, n_jobs 2: the caller
workers 1, n_jobs -1: the caller
workers 2, n_jobs None: the cluster
workers 2, n_jobs 2: the cluster
workers 2, n_jobs -1: the cluster"
observed="$(cd "$work" && "$work/env/bin/python" where.py 2> "$work/err")" || { cat "$work/err" >&2; exit 1; }
echo "$observed"
[ "$observed" = "$expected" ] || { printf 'CHANGED, it was:\n%s\n' "$expected"; exit 1; }
