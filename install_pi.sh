#!/usr/bin/env bash
# Sets up a Raspberry Pi, or another Linux machine, for a bundle that ./moka bundle wrote:
#   scp moka-edge.pyz install_pi.sh pi@raspberrypi:      then, there: ./install_pi.sh
# Everything goes into .venv beside the bundle, without root. Only --udev needs root.
set -euo pipefail
unset CDPATH
# A user's own settings of pip must not send packages elsewhere.
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
unset PIP_TARGET PIP_PREFIX PYTHONPATH PYTHONHOME

usage="usage: ./install_pi.sh [BUNDLE] [--page] [--service] [--udev]

  BUNDLE      the file that ./moka bundle wrote (default: moka-edge.pyz beside this script)
  --page      also install what the page needs (python3 moka-edge.pyz serve)
  --service   also start the page now and whenever you log in: a systemd unit of your own, moka.service
  --udev      only the udev rule, which lets the group plugdev use a stick or an OAK camera; asks sudo for root"

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
wrong_use() { printf 'error: %s\n' "$*" >&2; exit 2; }
stamp=''
step() { # says how long the last step took, and begins another one
    [ -z "$stamp" ] || say "      $((SECONDS - stamp)) s"
    stamp=$SECONDS
    [ $# = 0 ] || say "$*"
}

bundle='' group=runner service='' udev=''
for word in "$@"; do
    case "$word" in
        -h | --help) say "$usage"; exit 0 ;;
        --page) group=page ;;
        --service) group=page service=yes ;;
        --udev) udev=yes ;;
        -*) wrong_use "$word: unknown option. See ./install_pi.sh --help." ;;
        *) [ -z "$bundle" ] || wrong_use "$word: one bundle is expected, and $bundle was named before it."; bundle=$word ;;
    esac
done
script=$(readlink -f "$0")
bundle=${bundle:-$(dirname "$script")/moka-edge.pyz}
[ -f "$bundle" ] || die "$bundle: not found. Make it on a PC with ./moka bundle -o moka-edge.pyz, and copy it here."
bundle=$(readlink -f "$bundle")
venv=$(dirname "$bundle")/.venv
python=$venv/bin/python

# OpenVINO has packages for 64-bit ARM and x86-64 alone, and pip's own message about that helps nobody.
case "$(uname -m)" in
    aarch64 | arm64 | x86_64) ;;
    *) die "this system is for $(uname -m), and OpenVINO needs 64 bits. Install the 64-bit Raspberry Pi OS." ;;
esac
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2) || true
if [ -n "$glibc" ] && [ "$(printf '%s\n' 2.35 "$glibc" | sort -V | head -n 1)" != 2.35 ]; then
    die "glibc is $glibc, and OpenVINO needs 2.35. Install Raspberry Pi OS Bookworm or newer."
fi

find_python() { # prints the name of a Python 3.10 to 3.13; the system's own comes first
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    die "no Python 3.10 to 3.13 found. Install it with: sudo apt install python3 python3-venv"
}
system_python=$(find_python)

from_bundle() { # prints a file of the bundle
    "$system_python" -c '
import sys, zipfile
try:
    sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))
except (OSError, KeyError, zipfile.BadZipFile):
    sys.exit(1)' "$bundle" "$1"
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
from_bundle locks/runner.txt >"$work/runner.txt" || die "$bundle: is no bundle that ./moka bundle wrote, or is damaged."

if [ -n "$udev" ]; then
    rule=97-moka-myriad.rules
    from_bundle "tools/$rule" >"$work/$rule" || die "$bundle: does not hold the udev rule."
    user=${SUDO_USER:-$(id -un)}
    root=()
    [ "$(id -u)" = 0 ] || root=(sudo)
    "${root[@]}" install -m 644 "$work/$rule" "/etc/udev/rules.d/$rule"
    "${root[@]}" udevadm control --reload-rules
    "${root[@]}" udevadm trigger
    "${root[@]}" usermod -aG plugdev "$user"
    say "wrote /etc/udev/rules.d/$rule, and $user is in the group plugdev. Log in again, and plug the device out and in."
    exit 0
fi

lock=$work/$group.txt
from_bundle "locks/$group.txt" >"$lock" || die "$bundle: has no page. Make the bundle again with a Moka that has ./moka serve."

step "1/3  the environment .venv beside $(basename "$bundle")"
if [ -e "$venv" ] && ! [ -e "$venv/made-by-install_pi" ]; then
    die "$venv: is another program's environment. Put the bundle into a folder of its own."
fi
if ! "$python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$venv"
    mkdir "$venv"
    touch "$venv/made-by-install_pi"
    if ! "$system_python" -m venv "$venv" >/dev/null 2>&1; then
        # Debian has a package with the pip for new environments. It can be downloaded without root.
        "$system_python" -m venv --without-pip "$venv" || die "$system_python cannot make an environment in $venv."
        (cd "$work" && apt-get download -qq python3-pip-whl && dpkg-deb -x python3-pip-whl_*.deb . &&
            "$python" "$(echo usr/share/python-wheels/pip-*.whl)/pip" install --quiet pip) ||
            die "there is no pip for a new environment. Install it with: sudo apt install python3-venv"
    fi
fi

step "2/3  $(grep -c . "$lock") packages, from the bundle's locks/$group.txt"
"$python" -m pip install --quiet --requirement "$lock" || die "the packages could not be installed; the lines above say why."

step "3/3  a first answer, about an empty picture"
"$python" -c 'import cv2, numpy, sys; cv2.imwrite(sys.argv[1], numpy.full((96, 96, 3), 128, "uint8"))' "$work/empty.png"
"$python" "$bundle" --image_path "$work/empty.png" --device CPU >"$work/answer" ||
    die "$bundle gives no answer; the lines above say why."
grep -E '^(device|time)' "$work/answer" | sed 's/^/      /' || true
step
name=$bundle
[ "$(dirname "$bundle")" != "$PWD" ] || name=$(basename "$bundle")
say "ready: python3 $name --image_path FACE.jpg"

if [ -n "$service" ]; then
    units=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
    unit=$units/moka.service
    if [ -e "$unit" ] && ! grep -qs '^# Written by install_pi.sh' "$unit"; then
        die "$unit: was not written by install_pi.sh. Move it away first."
    fi
    # Between quotes, systemd takes \ for an escape and % for a specifier; and $ for a variable, but not in the program's name.
    quoted() { printf '"%s"' "$(printf '%s' "$1" | sed -e 's/[\\"]/\\&/g' -e 's/%/%%/g')"; }
    mkdir -p "$units"
    cat >"$work/moka.service" <<END
# Written by install_pi.sh. To change it: systemctl --user edit moka
[Unit]
Description=Moka: age and gender of the people before a camera, as a page

[Service]
# The page is at http://127.0.0.1:8080. For another address add --host, and set MOKA_TOKEN.
ExecStart=$(quoted "$python") $(quoted "$bundle" | sed 's/\$/$$/g') serve --source webcam
Restart=on-failure
RestartSec=5
NoNewPrivileges=yes

[Install]
WantedBy=default.target
END
    mv "$work/moka.service" "$unit"
    say "wrote $unit"
    if systemctl --user daemon-reload 2>/dev/null; then
        systemctl --user enable moka
        systemctl --user restart moka
        say "started. Its log: journalctl --user -u moka"
    else
        say "no systemd of yours runs now. After the next login: systemctl --user enable --now moka"
    fi
    say "To start it without a login: sudo loginctl enable-linger $(id -un)"
fi
say "For a stick or an OAK camera, once: ./install_pi.sh --udev (asks sudo for root)"
