# Sourced by toolchain.sh. Source 3: packages of Debian 11, unpacked without root and started with their own loader.
# apt finds out which packages are needed and checks their signatures. Every folder that it writes to is set here.
# shellcheck shell=bash disable=SC2154

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Sets `mirror`. This is the last source, so anything that is missing is an error.
debian_can() {
    need apt-get apt
    need dpkg-deb dpkg
    need awk mawk
    [ -n "$mirror" ] || mirror=$(mirror_of_this_machine)
    [ -n "$mirror" ] || die "this machine's apt uses no Debian mirror. $(mirror_wanted)" \
        "apt checks its signatures with the package debian-archive-keyring, which Ubuntu has as well."
    [ -r "$keyring" ] || die "apt cannot check Debian 11's packages: no $keyring. Install debian-archive-keyring."
    [ "$name" = caffe ] || find_pip
    say "$name: Debian: taking Debian 11 packages from $mirror"
}

# apt knows the label of archives that it has downloaded. Before its first update only the name of the release helps.
mirror_of_this_machine() {
    local id codename targets
    id=$(. /etc/os-release && say "${ID:-}")
    codename=$(. /etc/os-release && say "${VERSION_CODENAME:-}")
    targets=$(apt-get indextargets --format '$(REPO_URI)|$(LABEL)|$(RELEASE)' 'Component: main' 2>/dev/null) || true
    if [ -n "$targets" ]; then
        awk -F '|' -v id="$id" -v codename="$codename" \
            '!found && ($2 == "Debian" || (id == "debian" && $3 == codename)) { print $1; found = 1 }' <<<"$targets"
    elif [ "$id" = debian ]; then
        # A fresh container has no lists yet, and apt then knows no target.
        mirrors_in_sources "$codename" | head -n 1
    fi
}

# Prints the mirrors that apt's own files name for a release. $1: the release. $2: apt's folder.
mirrors_in_sources() {
    local folder=${2:-/etc/apt}
    cat "$folder/sources.list" "$folder"/sources.list.d/*.list 2>/dev/null |
        awk -v codename="$1" '$1 == "deb" { sub(/\[[^]]*\] */, ""); if ($3 == codename) print $2 }'
    cat "$folder"/sources.list.d/*.sources 2>/dev/null |
        awk -v codename="$1" '/^URIs:/ { uri = $2 } /^Suites:/ { for (i = 2; i <= NF; i++) if ($i == codename) print uri }'
}

mirror_wanted() { say "Name a Debian mirror that still carries Debian 11 (bullseye): tools/toolchain.sh $name --mirror URL."; }

debian_build() {
    local packages root=$new/root apt=$new/tmp/apt count bytes
    # Besides Debian's own folder, this Python searches here.
    local site=$root/usr/local/lib/python3.9/dist-packages
    read -r -a packages <<<"${debian_packages[$name]}"
    write_apt_settings
    say "$name: downloading the list of packages, 8 MB"
    # It may fail and still exit with 0, so the list itself is checked.
    apt_get update || true
    compgen -G "$apt/lists/*_bullseye_main_binary-amd64_Packages*" >/dev/null ||
        die "no Debian 11 from $mirror: $(apt_complaint). $(mirror_wanted)"
    apt_get install --print-uris "${packages[@]}" || die "$mirror does not have all of ${packages[*]}: $(apt_complaint)"
    read -r count bytes < <(awk "/^'/ { n++; sum += \$3 } END { print n, sum }" "$apt/log")
    say "$name: downloading $count Debian packages, $((bytes / 1000000)) MB"
    show_growth "$apt/archives" $((bytes / 1000000)) &
    watcher=$!
    apt_get install --download-only "${packages[@]}" || die "the download from $mirror failed: $(apt_complaint)"
    kill "$watcher"
    watcher=''
    unpack_packages
    write_start_scripts
    if [ "$name" = movidius ]; then
        install_wheels 3.9 "$site" "${wheels[@]}"
        list_versions "$site" .dist-info >>"$new/versions.txt"
    fi
}

# Keeps the machine's network settings, such as proxies, and none of its other settings.
write_apt_settings() {
    mkdir -p "$apt/lists/partial" "$apt/archives/partial"
    # Nothing counts as installed, so all dependencies are downloaded.
    : >"$apt/status"
    say "deb [signed-by=$keyring] $mirror bullseye main" >"$apt/sources.list"
    {
        apt-config dump Acquire
        cat <<SETTINGS
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Dir::Cache::archives "$apt/archives";
Dir::Log "$apt";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Install-Recommends "false";
APT::Get::AllowUnauthenticated "false";
APT::Sandbox::User "root";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages { "none"; };
Debug::NoLocking "true";
SETTINGS
    } >"$apt/apt.conf"
}

apt_get() { APT_CONFIG=$apt/apt.conf apt-get -qq --yes "$@" >"$apt/log" 2>&1; }

apt_complaint() { grep -m 1 -E '^(E|W|Err):' "$apt/log" | sed 's/^[A-Z][a-z]*: *//; s/\.$//' || say "apt did not say why"; }

# show_growth FOLDER MB: prints a line every five seconds until it is killed.
show_growth() {
    while sleep 5 >/dev/null 2>&1 9>&-; do say "$name: $(($(du -sk "$1" | cut -f 1) / 1000)) of $2 MB"; done
}

# The set-up scripts of the packages are not run.
unpack_packages() {
    local package
    mkdir -p "$root"
    say "$name: unpacking"
    say "Debian 11 (bullseye) packages" >"$new/versions.txt"
    for package in "$apt"/archives/*.deb; do
        dpkg-deb --show --showformat '${Package} ${Version}\n' "$package" >>"$new/versions.txt"
        dpkg-deb --extract "$package" "$root" || die "$package cannot be unpacked."
    done
}

# Paths are relative to the script, so the folder may be moved.
write_start_scripts() {
    local program
    cat >"$root/start" <<'SCRIPT'
#!/bin/sh
# start PROGRAM [ARGUMENT...]: starts a program of usr/bin with Debian 11's loader and libraries; OpenBLAS comes before any other BLAS.
root=$(dirname "$(readlink -f "$0")")
libraries=$root/usr/lib/x86_64-linux-gnu
program=$root/usr/bin/$1
shift
# The host's locale files are for another C library.
export LC_ALL=C
# This OpenBLAS (0.3.13) takes a newer processor for one without AVX, and is then several times slower.
if [ -z "${OPENBLAS_CORETYPE:-}" ] && grep -q -m 1 -w avx2 /proc/cpuinfo; then export OPENBLAS_CORETYPE=Haswell; fi
exec "$root/lib/x86_64-linux-gnu/ld-2.31.so" --inhibit-cache \
    --library-path "$libraries/openblas-pthread:$root/lib/x86_64-linux-gnu:$libraries:$root/usr/lib" "$program" "$@"
SCRIPT
    # Python starts itself again with sys.executable, as mo does. That must use the loader, too, and keep the PYTHONPATH
    # of the first one. So it is a script of its own and not the launcher.
    cat >"$root/python" <<'SCRIPT'
#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/start" python3.9 -s -X utf8 "$@"
SCRIPT
    chmod +x "$root/start" "$root/python"
    mkdir -p "$site"
    say 'import os, sys; sys.executable = os.path.join(os.path.dirname(sys.prefix), "python")' \
        >"$site/start_through_loader.pth"
    for program in ${programs[$name]}; do
        case $program in
        python) launcher python 'exec "$chain/root/python" "$@"' ;;
        mo) launcher mo "exec \"\$chain/root/python\" \"\$chain${site#"$new"}/mo.py\" \"\$@\"" ;;
        *) launcher "$program" "exec \"\$chain/root/start\" $program \"\$@\"" ;;
        esac
    done
}
