#!/usr/bin/env bash
# Fills .toolchain/ with two old programs that a current Python cannot run. Launchers in bin/ start them:
#   movidius   openvino 2021.4.2 (its MYRIAD plugin compiles for the NCS2) and the Model Optimizer, on CPython 3.6-3.9
#   caffe      Caffe 1.0 with OpenBLAS, its tools, and pycaffe
# Each is built in a folder beside its place and renamed, so it is complete or absent. Nothing outside .toolchain/ is written.
# Launchers are written here, and their $chain is expanded when they run.
# shellcheck disable=SC2016
set -euo pipefail

openvino=2021.4.2
# What bin/ holds.
declare -A programs=(
    [movidius]="python mo"
    [caffe]="python caffe convert_imageset compute_image_mean upgrade_net_proto_text upgrade_net_proto_binary
        upgrade_solver_proto_text extract_features")
# Python code that fails unless the tool chain works.
declare -A proofs=(
    [movidius]="
from openvino.inference_engine import IECore, get_version
assert get_version().startswith('$openvino'), 'openvino is ' + get_version()
# This loads the plugin, and libusb with it.
IECore().get_versions('MYRIAD')"
    [caffe]="
import caffe
assert caffe.__version__.startswith('1.0'), 'caffe is ' + caffe.__version__")
declare -A debian_packages=(
    [movidius]="python3.9 python3-distutils libpython3.9 libstdc++6 libusb-1.0-0"
    [caffe]="caffe python3-caffe libopenblas0-pthread")
declare -A next_steps=([movidius]="./compile2Movidius.sh" [caffe]="./train_AgeNet.sh --engine caffe")
# Only what `mo` imports for Caffe networks: the full list of openvino-dev is long and can no longer be resolved.
wheels=("openvino==$openvino" "openvino-dev==$openvino" numpy==1.19.5 protobuf==3.19.6 networkx==2.5.1 decorator==4.4.2
    defusedxml==0.7.1 requests==2.27.1 urllib3==1.26.20 idna==3.4 certifi==2022.12.7 charset-normalizer==2.0.12)
# For machines without libusb-1.0. Older versions fail at once on machines without USB.
wheel_libusb=libusb-package==1.0.30.0

usage="usage: tools/toolchain.sh movidius|caffe [--mirror URL] [--force]

  movidius      openvino $openvino with the MYRIAD plugin, and the Model Optimizer: compiles for the Neural Compute Stick 2
  caffe         Caffe 1.0 with OpenBLAS, its tools and pycaffe
  --mirror URL  a Debian mirror that still carries Debian 11 (default: the one that this machine's apt uses)
  --force       make it again even if it is there

Fills .toolchain/NAME; root is not needed. The first of these sources that the machine has is used:
  1. the active conda environment, if it was made from environment.yml
  2. movidius only: a CPython 3.6-3.9 on PATH, and wheels
  3. Debian 11 packages, checked by apt and unpacked (needs apt-get, dpkg-deb and Debian's archive keyring)"

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; said=yes; exit 1; }
wrong_use() { printf 'error: %s\n' "$*" >&2; exit 2; }
without_callers_settings=(env -u LD_LIBRARY_PATH -u LD_PRELOAD -u PYTHONPATH -u PYTHONHOME)

# With it, cd goes elsewhere and prints where.
unset CDPATH
# A user's own settings of pip must not send packages elsewhere.
export PIP_USER=0
unset PIP_TARGET PIP_PREFIX
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
chains=${MOKA_ROOT:-$(dirname "$here")}/.toolchain
name='' mirror='' force='' watcher='' said=''
# shellcheck source=tools/debian11.sh source-path=SCRIPTDIR/..
. "$here/debian11.sh"

read_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help) say "$usage"; exit 0 ;;
        --force) force=yes ;;
        --mirror)
            [ $# -ge 2 ] || wrong_use "--mirror needs the URL of a Debian mirror"
            mirror=$2; shift ;;
        --mirror=*) mirror=${1#*=} ;;
        -*) wrong_use "unknown option $1. Known: --mirror URL, --force, --help" ;;
        movidius | caffe)
            [ -z "$name" ] || wrong_use "expected one tool chain, got $name and $1"
            name=$1 ;;
        *) wrong_use "unknown tool chain '$1'. Known: movidius, caffe" ;;
        esac
        shift
    done
    [ -n "$name" ] || wrong_use "which tool chain? Known: movidius, caffe (see tools/toolchain.sh --help)"
    [[ -z $mirror || $mirror =~ ^[a-z+]+:/[^[:space:]]+$ ]] || wrong_use "--mirror: expected a URL, got '$mirror'"
    target=$chains/$name new=$chains/.$name.new old=$chains/.$name.old
}

# It was complete when it was renamed. If its Python starts, what it depends on is still there.
already_there() {
    [ -z "$force" ] && [ -d "$target" ] || return 1
    if "$target/bin/python" -c '' 2>/dev/null; then say "$name: already there: $target"; return; fi
    return 1
}

check_machine() {
    local machine
    machine="$(uname -s) $(uname -m)"
    [ "$machine" = "Linux x86_64" ] || die "the $name tool chain runs on Linux x86_64 only, but this machine is $machine." \
        "Do this step on such a machine and copy its results (graph/, models/) here."
    need flock util-linux
}

# need COMMAND PACKAGE
need() {
    command -v "$1" >/dev/null || die "the $name tool chain needs the command $1 (Debian and Ubuntu package: $2)."
}

# One build of a part at a time. The lock is on the folder that is built, and ends with the process.
take_turn() {
    while true; do
        # Try twice, because a call for the other part may remove $chains in between.
        mkdir -p "$new" 2>/dev/null || mkdir -p "$new"
        { exec 9<"$new"; } 2>/dev/null || continue
        flock --nonblock 9 || { say "$name: another call is at work in $chains; waiting for it"; flock 9; }
        # If a call that has ended renamed or removed the folder, this lock is on nothing.
        if [ "$new" -ef /proc/self/fd/9 ]; then return; fi
    done
}

clean_up() {
    local status=$?
    [ -z "$watcher" ] || kill "$watcher" 2>/dev/null || true
    rm -rf "$new" "$old"
    # This succeeds only if it is empty.
    rmdir "$chains" 2>/dev/null || true
    [ "$status" = 0 ] || [ -n "$said" ] || printf 'error: %s: stopped before the end; nothing incomplete was left\n' "$name" >&2
}

last_words() { grep -v '^[[:space:]]*$' "$new/log" | tail -n 1; }

# launcher PROGRAM LINE...: writes bin/PROGRAM, which ignores the Python and library settings of the caller.
launcher() {
    {
        say '#!/bin/sh'
        say '# made by tools/toolchain.sh'
        # Python writes its bytecode into the chain, which has none at first. Without it Caffe and mo start seconds later.
        say 'unset LD_LIBRARY_PATH LD_PRELOAD PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE'
        say 'chain=$(dirname "$(dirname "$(readlink -f "$0")")")'
        printf '%s\n' "${@:2}"
    } >"$new/bin/$1"
    chmod +x "$new/bin/$1"
}

# ---- source 1: conda -------------------------------------------------------------------------------------------------
conda_can() {
    local prefix=${CONDA_PREFIX:-} program
    [ -n "$prefix" ] || { say "$name: conda: no environment is active"; return 1; }
    for program in ${programs[$name]}; do
        [ -x "$prefix/bin/$program" ] || { say "$name: conda: $prefix holds no $program"; return 1; }
    done
    # The MYRIAD plugin does not search the environment's lib/, and all of lib/ would hide the libraries beside the plugin.
    [ ! -e "$prefix/lib/libusb-1.0.so.0" ] || { mkdir -p "$new/lib" && ln -s "$prefix/lib/libusb-1.0.so.0" "$new/lib/"; }
    "${without_callers_settings[@]}" LD_LIBRARY_PATH="$new/lib" "$prefix/bin/python" -s -c "${proofs[$name]}" >"$new/log" 2>&1 ||
        { say "$name: conda: $prefix does not fit: $(last_words)"; rm -rf "${new:?}/lib"; return 1; }
    say "$name: conda: taking $prefix"
}

conda_build() {
    local program quoted
    for program in ${programs[$name]}; do
        printf -v quoted %q "$CONDA_PREFIX/bin/$program"
        launcher "$program" '[ ! -d "$chain/lib" ] || export LD_LIBRARY_PATH="$chain/lib"' "exec $quoted \"\$@\""
    done
    {
        say "conda environment $CONDA_PREFIX"
        list_versions "$CONDA_PREFIX/conda-meta" .json || true
        list_versions "$("$CONDA_PREFIX/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" .dist-info || true
    } >"$new/versions.txt"
}

# ---- source 2: a CPython 3.6-3.9 on PATH -----------------------------------------------------------------------------
# Sets `python`. Each candidate is started, because the shim of a version manager may be on PATH and fail.
python_can() {
    [ "$name" = movidius ] || return 1
    for python in python3.9 python3.8 python3.7 python3.6 python3 python; do
        python=$(command -v "$python") || continue
        python=$("${without_callers_settings[@]}" "$python" -c '
import platform, sys, venv
fits = (3, 6) <= sys.version_info < (3, 10) and platform.python_implementation() == "CPython"
assert fits and platform.machine() == "x86_64" and sys.maxsize > 2**32 and platform.libc_ver()[0] == "glibc"
print(sys.executable)' 2>/dev/null) || continue
        say "movidius: Python: taking $python"
        return
    done
    say "movidius: Python: no working CPython 3.6-3.9 on PATH"
    return 1
}

python_build() {
    local version site
    version=$("${without_callers_settings[@]}" "$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    site=$new/venv/lib/python$version/site-packages
    "${without_callers_settings[@]}" "$python" -m venv --without-pip "$new/venv" || die "$python -m venv failed."
    install_wheels "$version" "$site" "${wheels[@]}"
    if ! "${without_callers_settings[@]}" "$new/venv/bin/python" -c 'import ctypes; ctypes.CDLL("libusb-1.0.so.0")' 2>/dev/null; then
        # Only the library of this wheel is used, so it may be for another Python. The plugin searches its own folder first.
        install_wheels 3.12 "$new/tmp/libusb" "$wheel_libusb"
        cp "$new/tmp/libusb/libusb_package/libusb-1.0.so" "$site/openvino/libs/libusb-1.0.so.0"
        say "${wheel_libusb/==/-}" >"$new/versions.txt"
    fi
    launcher python 'exec "$chain/venv/bin/python" -s "$@"'
    launcher mo "exec \"\$chain/venv/bin/python\" -s \"\$chain${site#"$new"}/mo.py\" \"\$@\""
    { say "$("$python" -V) at $python"; list_versions "$site" .dist-info; } >>"$new/versions.txt"
}

# ---- wheels, for sources 2 and 3 -------------------------------------------------------------------------------------
# Sets `host_python`. Any Python with pip will do, because it only downloads and unpacks. Pip before 20 knows too few wheels.
find_pip() {
    for host_python in "${PYTHON:-}" "$(dirname "$chains")/.venv/bin/python" python3; do
        "${host_python:-false}" -c 'import pip; assert int(pip.__version__.split(".")[0]) >= 20' 2>/dev/null && return
    done
    die "the movidius tool chain needs a python3 with pip 20 or newer (Debian and Ubuntu package: python3-pip)."
}

# install_wheels PYTHON_VERSION FOLDER WHEEL...
install_wheels() {
    find_pip
    say "movidius: downloading for Python $1: ${*:3}"
    PIP_USER=0 "$host_python" -m pip install --quiet --disable-pip-version-check --no-input --no-cache-dir --no-compile \
        --no-deps --only-binary=:all: --platform manylinux2014_x86_64 --implementation cp --python-version "$1" \
        --target "$2" "${@:3}" >"$new/log" 2>&1 || die "pip could not download the wheels: $(grep -m 1 ERROR "$new/log" || last_words)"
    # These start scripts name the host's Python.
    rm -rf "${2:?}/bin"
}

# list_versions FOLDER ENDING
list_versions() { (cd "$1" 2>/dev/null && find . -maxdepth 1 -name "*$2" | sed "s|^\./||; s|\\$2\$||" | sort); }

# ---- all steps in order ----------------------------------------------------------------------------------------------
build() {
    local program
    if conda_can; then conda_build
    elif python_can; then python_build
    elif debian_can; then debian_build
    fi
    say "$name: trying it"
    case $name in movidius) program=mo ;; *) program=$name ;; esac
    if ! { "$new/bin/python" -c "${proofs[$name]}" && "$new/bin/$program" --version; } >"$new/log" 2>&1; then
        die "what was made does not work: $(last_words)"
    fi
}

main() {
    read_arguments "$@"
    if already_there; then return; fi
    check_machine
    take_turn
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    if already_there; then return; fi
    [ -n "$force" ] || [ ! -e "$target" ] || say "$name: $target is there but no longer starts; making it again"
    rm -rf "$old"
    # The folder itself stays, because it is locked.
    find "$new" -mindepth 1 -delete
    mkdir "$new/bin" "$new/tmp"
    export TMPDIR=$new/tmp
    build
    rm -rf "$new/tmp" "$new/log"
    [ ! -e "$target" ] || mv -T "$target" "$old"
    mv -T "$new" "$target"
    say "$name: made $target ($(du -sm "$target" | cut -f 1) MB, $SECONDS s): bin/ holds $(cd "$target/bin" && echo *)"
    say "$name: versions are in $target/versions.txt"
    say "next: ${next_steps[$name]}"
}

main "$@"
