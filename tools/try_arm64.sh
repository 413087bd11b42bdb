#!/usr/bin/env bash
# Tries a bundle as on a Raspberry Pi 4: install_pi.sh and an answer, in a Debian for 64-bit ARM, by an emulated Cortex-A72.
#   tools/try_arm64.sh bookworm|trixie BUNDLE PICTURE FOLDER
# FOLDER takes the Debian, some 700 MB; one that is there is used again. Needs root (chroot, mount), mmdebstrap, and
# qemu-user-static with its entry in binfmt_misc. An hour on a busy machine: docs/raspberry_pi.md shows what it prints.
set -euo pipefail
unset CDPATH
[ $# = 4 ] || { sed -n '2,4s/^# \?//p' "$0" >&2; exit 2; }
suite=$1 bundle=$2 picture=$3 root=$(realpath -m "$4")
here=$(dirname "$(readlink -f "$0")")

if [ ! -e "$root/etc/os-release" ]; then
    mmdebstrap --arch=arm64 --variant=minbase --include=python3,python3-venv,ca-certificates "$suite" "$root"
fi

# OpenVINO's plugin for ARM asks sysfs which processor this is, and crashes if it cannot. On a real one the kernel says so.
cpu=$(mktemp -d)
mkdir -p "$cpu/devices/system"
cp -r /sys/devices/system/cpu "$cpu/devices/system/" 2>/dev/null || true
for core in "$cpu"/devices/system/cpu/cpu[0-9]*; do
    mkdir -p "$core/regs/identification"
    echo 0x00000000410fd083 >"$core/regs/identification/midr_el1"
done
clean() {
    umount "$root/sys" "$root/proc" 2>/dev/null || true
    rm -rf "$cpu"
}
trap clean EXIT
mount --bind "$cpu" "$root/sys"
mount -t proc proc "$root/proc"

# pip goes out as it does here: the same names, the same certificates.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
grep -q '^pi:' "$root/etc/passwd" || chroot "$root" useradd -m -s /bin/bash -u 1000 pi
home=$root$(chroot "$root" getent passwd pi | cut -d: -f6)
install -o 1000 -g 1000 "$bundle" "$home/moka-edge.pyz"
install -o 1000 -g 1000 "$here/../install_pi.sh" "$home/install_pi.sh"
install -o 1000 -g 1000 -m 644 "$picture" "$home/FACE.jpg"

# shellcheck disable=SC2016
chroot --userspec=1000:1000 "$root" env -i HOME="${home#"$root"}" USER=pi PATH=/usr/bin:/bin LANG=C.UTF-8 \
    QEMU_CPU=cortex-a72 PIP_CERT=/etc/ssl/certs/ca-certificates.crt bash -c '
set -e
cd
TIMEFORMAT="      %0R s in all"
. /etc/os-release
echo "$PRETTY_NAME, $(uname -m), $(getconf GNU_LIBC_VERSION), $(python3 --version)"
try() { echo "\$ $*"; time "$@"; }
try ./install_pi.sh
try python3 moka-edge.pyz FACE.jpg
try python3 moka-edge.pyz FACE.jpg
try python3 moka-edge.pyz --image_path FACE.jpg
du -sm .venv .cache/moka-edge'
