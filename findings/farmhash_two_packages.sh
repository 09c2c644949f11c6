#!/usr/bin/env bash
# Two PyPI packages ship a top-level module of the same name, `farmhash`, and overwrite each other without a word.
#
# Packages: cityhash 0.4.10 (modules cityhash and farmhash; functions Fingerprint64, FarmHash64, ...) and
#           pyfarmhash 0.5.1 (module farmhash; functions fingerprint64, hash64, ...). Seen with CPython 3.11 on Linux.
#
# Expected: both packages can be installed side by side, or pip refuses the second; `import farmhash` then goes on
#           offering what the package that the caller asked for documents. Removing one package leaves the other whole.
#
# Instead:  the second installation replaces the first one's farmhash*.so. pip prints no warning, `pip check` finds
#           nothing, and the documented functions of the package that came first are gone (AttributeError at the call,
#           ImportError at `from farmhash import ...`). Which of the two wins depends on the order of installation alone.
#           Uninstalling either deletes the file, and the other, still listed as installed, has no module any more.
#
# Whom it hurts: whoever has both in one environment, usually through two unrelated dependencies. A program that did
#           `from farmhash import Fingerprint64` at start-up dies after the other package arrives, and the hashes
#           are not even different: both modules return the same fingerprint for the same text under different names.
#
# Exit status: 0 while the behaviour is as described, 1 once it has changed, 2 where the packages cannot be installed.
set -euo pipefail

CITY="cityhash==0.4.10"
PYFARM="pyfarmhash==0.5.1"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1

fresh() { # fresh NAME PACKAGE...: a new environment, packages installed one after the other
    local name="$1" package
    shift
    "${PYTHON:-python3}" -m venv "$work/$name"
    for package in "$@"; do
        "$work/$name/bin/python" -m pip install --quiet "$package" 2> "$work/$name.err" || {
            cat "$work/$name.err" >&2
            exit 2
        }
        # What pip says about a clash would stand here; notes on where it looks for packages are none.
        grep -i "farmhash\|overwrit\|conflict" "$work/$name.err" | grep -vi "location" || true
    done
}

offers() { # offers NAME: the spelling of the 64-bit fingerprint, and its value for one text
    "$work/$1/bin/python" - <<'PY'
try:
    import farmhash
except ImportError as error:
    print(f"{type(error).__name__}: {error}")
else:
    names = [name for name in ("Fingerprint64", "fingerprint64") if hasattr(farmhash, name)]
    print(*(f"{name}('hello') = {getattr(farmhash, name)('hello')}" for name in names))
PY
}

check() { # check WHAT EXPECTED OBSERVED
    echo "$1: $3"
    [ "$2" = "$3" ] || { echo "CHANGED, it was: $2"; changed=1; }
}

changed=0
city="Fingerprint64('hello') = 13009744463427800296"
pyfarm="fingerprint64('hello') = 13009744463427800296"

fresh city "$CITY"
check "cityhash alone" "$city" "$(offers city)"
fresh pyfarm "$PYFARM"
check "pyfarmhash alone" "$pyfarm" "$(offers pyfarm)"
fresh city_first "$CITY" "$PYFARM"
check "cityhash, then pyfarmhash" "$pyfarm" "$(offers city_first)"
fresh pyfarm_first "$PYFARM" "$CITY"
check "pyfarmhash, then cityhash" "$city" "$(offers pyfarm_first)"
check "pip check with both" "No broken requirements found." "$("$work/pyfarm_first/bin/python" -m pip check)"

"$work/pyfarm_first/bin/python" -m pip uninstall --quiet --yes cityhash
check "cityhash removed again" "ModuleNotFoundError: No module named 'farmhash'" "$(offers pyfarm_first)"
check "what pip then lists" "pyfarmhash 0.5.1" \
    "$("$work/pyfarm_first/bin/python" -m pip list 2> /dev/null | awk '/hash/ { print $1, $2 }')"
check "pip check then" "No broken requirements found." "$("$work/pyfarm_first/bin/python" -m pip check)"

exit "$changed"
