# Sourced by the commands at the top of the checkout: `. tools/env.sh GROUP`, where GROUP is runner, page, train or dev.
# The first call makes .venv with the versions of locks/GROUP.txt; later calls only compare a stamp.
# Sets and exports MOKA_ROOT (the checkout), PYTHON (its interpreter) and PYTHONPATH. The current folder is not changed.

# With it, cd goes elsewhere and prints where.
unset CDPATH
# A user's own settings of pip must not send packages elsewhere.
export PIP_USER=0
unset PIP_TARGET PIP_PREFIX
MOKA_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
MOKA_VENV="$MOKA_ROOT/.venv"
PYTHON="$MOKA_VENV/bin/python"
export MOKA_ROOT PYTHON PYTHONPATH="$MOKA_ROOT${PYTHONPATH:+:$PYTHONPATH}"

moka_fail() {
    echo "error: $*" >&2
    exit 1
}

# Prints the name of a Python 3.10 to 3.13. The machine's own python3 comes first.
moka_find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    moka_fail "no Python 3.10 to 3.13 found (looked for python3, python3.13 ... python3.10). Install one, for instance: apt install python3"
}

# Says whether the environment's Python finds packages. After an upgrade of the system it may be gone, or of another
# version, which looks for them in another folder.
moka_finds_packages() {
    "$PYTHON" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("numpy") is None)' >/dev/null 2>&1
}

moka_make_venv() {
    local python
    python="$(moka_find_python)" || exit 1
    # What is left of an environment whose Python is gone, or of one of ours for another version of Python.
    if [ -e "$MOKA_VENV/pyvenv.cfg" ]; then
        if ! "$PYTHON" -c "" >/dev/null 2>&1 || compgen -G "$MOKA_VENV/installed-*.txt" >/dev/null; then rm -rf "$MOKA_VENV"; fi
    fi
    echo "making $MOKA_VENV with $("$python" --version)" >&2
    if ! "$python" -m venv "$MOKA_VENV" >/dev/null 2>&1; then
        # Debian and Ubuntu have a package with the pip for new environments. It can be downloaded without root.
        "$python" -m venv --without-pip "$MOKA_VENV" || moka_fail "$python cannot make a virtual environment in $MOKA_VENV"
        local unpacked
        unpacked="$(mktemp -d)"
        (cd "$unpacked" && apt-get download -qq python3-pip-whl && dpkg-deb -x python3-pip-whl_*.deb . &&
            "$PYTHON" "$(echo usr/share/python-wheels/pip-*.whl)/pip" install --quiet pip) ||
            moka_fail "no pip for a new environment. Install it with: apt install python3-venv"
        rm -r "$unpacked"
    fi
}

# Installs a group, unless it or a later group, which includes it, is installed.
moka_install() {
    local group lock have
    case "$1" in
        runner) have="runner page train dev" ;;
        page) have="page dev" ;;
        train) have="train dev" ;;
        dev) have="dev" ;;
        *) moka_fail "tools/env.sh: unknown group '$1'. Known: runner, page, train, dev." ;;
    esac
    for group in $have; do
        lock="$MOKA_ROOT/locks/$group.txt"
        if cmp -s "$lock" "$MOKA_VENV/installed-$group.txt" && moka_finds_packages; then
            return
        fi
    done
    "$PYTHON" -m pip --version >/dev/null 2>&1 || moka_make_venv
    lock="$MOKA_ROOT/locks/$1.txt"
    echo "installing $(grep -c . "$lock") packages (locks/$1.txt) into $MOKA_VENV; this is done once" >&2
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --requirement "$lock" >&2 ||
        moka_fail "the packages of locks/$1.txt could not be installed; the lines above say why. Check the network and pip's configuration, then try again."
    cp "$lock" "$MOKA_VENV/installed-$1.txt"
}

moka_install "$1"
