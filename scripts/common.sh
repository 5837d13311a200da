# shellcheck shell=bash
# Shell functions shared by quickstart.sh, test.sh and tools/: messages, and installing what is missing from the
# distribution. Sourced by bash; expects `set -u`.

say() { printf '%s\n' "$*" >&2; }
die() {
    say "error: $*"
    exit 1
}

# Runs a command as root: directly, or by sudo where the user is someone else.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

have_package() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

# apt's lists may be empty on a fresh machine; they are fetched once, when a package is not known.
apt_lists_fresh=no
known_package() {
    apt-cache show "$1" >/dev/null 2>&1 && return 0
    [ "$apt_lists_fresh" = yes ] && return 1
    apt_lists_fresh=yes
    say "  the lists of packages are empty or old: apt-get update"
    as_root apt-get update -qq </dev/null >/dev/null 2>&1
    apt-cache show "$1" >/dev/null 2>&1
}

# need_packages WHY PACKAGE...: installs those that are missing, saying which and what for. Returns 1 where it could not.
need_packages() {
    local why=$1 package missing=() log
    shift
    command -v dpkg-query >/dev/null || {
        say "note: no dpkg here; needed for $why: $*"
        return 0
    }
    for package in "$@"; do have_package "$package" || missing+=("$package"); done
    [ ${#missing[@]} = 0 ] && return 0
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        say "error: missing for $why, and neither root nor sudo here; as root run: apt-get install ${missing[*]}"
        return 1
    fi
    say "installing for $why: ${missing[*]}"
    for package in "${missing[@]}"; do
        known_package "$package" || {
            say "error: this distribution has no package $package (needed for $why)"
            return 1
        }
    done
    log=$(mktemp)
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends)
    if ! as_root "${install[@]}" "${missing[@]}" </dev/null >"$log" 2>&1; then
        # Lists that are older than the archive name files that are gone.
        [ "$apt_lists_fresh" = yes ] || as_root apt-get update -qq </dev/null >>"$log" 2>&1
        apt_lists_fresh=yes
        if ! as_root "${install[@]}" "${missing[@]}" </dev/null >>"$log" 2>&1; then
            say "error: could not install ${missing[*]}:"
            tail -n 20 "$log" >&2
            rm -f "$log"
            return 1
        fi
    fi
    rm -f "$log"
}

# What the program itself is built from (the same list in quickstart.sh and test.sh).
STRAIT_BUILD_PACKAGES="gcc libc6-dev make cmake pkg-config libyaml-dev libjansson-dev libpcre2-dev libutf8proc-dev \
nettle-dev libarchive-dev"
# On Debian 13 and Ubuntu 24.04 pkg-config is a name that pkgconf took over.
[ -e /usr/bin/pkgconf ] && STRAIT_BUILD_PACKAGES=${STRAIT_BUILD_PACKAGES/pkg-config/pkgconf}

need_build_packages() {
    # shellcheck disable=SC2086
    need_packages "building strait (compiler, CMake, YAML, JSON, regular expressions, Unicode, SHA-256, archives)" \
        $STRAIT_BUILD_PACKAGES
}

cores() { nproc 2>/dev/null || echo 2; }
