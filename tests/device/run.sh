#!/bin/sh
# Measure an accelerator against the processor: ./tests/device/run.sh [THREADS] (default: all of torch's), from the project's root.
# Steps and predictions take two minutes or so, double11 some more; the tests of devices come first.
set -eu
cd "$(dirname "$0")/../.."
export PYTHONPATH=. OMP_WAIT_POLICY=passive
python -m pytest -q tests/learners/test_device.py tests/learners/test_precision.py
python -m tests.device.measure "${1:-0}"
