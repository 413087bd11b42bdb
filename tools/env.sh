# Sourced by the commands at the top: `. tools/env.sh GROUP` with GROUP runner, train or dev.
# Makes .venv in the checkout with the versions of locks/GROUP.txt, once; later calls only compare a stamp.
# Sets and exports MOKA_ROOT (the checkout), PYTHON (its interpreter) and PYTHONPATH. The current folder stays as it is.

MOKA_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
MOKA_VENV="$MOKA_ROOT/.venv"
PYTHON="$MOKA_VENV/bin/python"
export MOKA_ROOT PYTHON PYTHONPATH="$MOKA_ROOT${PYTHONPATH:+:$PYTHONPATH}"

moka_fail() {
    echo "error: $*" >&2
    exit 1
}

moka_find_python() { # a CPython 3.10 to 3.13, the machine's own python3 first
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    moka_fail "no Python 3.10 to 3.13 found (looked for python3, python3.13 ... python3.10). Install one, for instance: apt install python3"
}

moka_make_venv() {
    local python
    python="$(moka_find_python)" || exit 1
    echo "making $MOKA_VENV with $("$python" --version)" >&2
    if ! "$python" -m venv "$MOKA_VENV" >/dev/null 2>&1; then
        # Debian and Ubuntu keep pip for new environments in a package of its own; it can be fetched without root
        "$python" -m venv --without-pip "$MOKA_VENV" || moka_fail "$python cannot make a virtual environment in $MOKA_VENV"
        local unpacked
        unpacked="$(mktemp -d)"
        (cd "$unpacked" && apt-get download -qq python3-pip-whl && dpkg-deb -x python3-pip-whl_*.deb . &&
            "$PYTHON" "$(echo usr/share/python-wheels/pip-*.whl)/pip" install --quiet pip) ||
            moka_fail "no pip for a new environment. Install it with: apt install python3-venv"
        rm -r "$unpacked"
    fi
}

moka_install() { # GROUP; each later group holds the earlier ones
    local group lock have
    case "$1" in
        runner) have="runner train dev" ;;
        train) have="train dev" ;;
        dev) have="dev" ;;
        *) moka_fail "tools/env.sh: unknown group '$1'; there are runner, train and dev" ;;
    esac
    for group in $have; do
        lock="$MOKA_ROOT/locks/$group.txt"
        if cmp -s "$lock" "$MOKA_VENV/installed-$group.txt"; then
            return
        fi
    done
    "$PYTHON" -m pip --version >/dev/null 2>&1 || moka_make_venv
    lock="$MOKA_ROOT/locks/$1.txt"
    echo "installing $(grep -c . "$lock") packages (locks/$1.txt) into $MOKA_VENV; this happens once" >&2
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --requirement "$lock" >&2 ||
        moka_fail "the packages of locks/$1.txt could not be installed; the lines above say why. Check the network and pip's configuration, then call again."
    cp "$lock" "$MOKA_VENV/installed-$1.txt"
}

moka_install "$1"
