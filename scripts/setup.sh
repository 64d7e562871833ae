# Sourced by ./demo and ./test: makes .venv with the pinned packages, installs what the system lacks, says what it does.
# Quick the second time: .venv/.ready remembers which pyproject.toml and constraints.txt it was made from.
# PYTHON names another interpreter (3.11 or later).

say() { printf '%s\n' "--- $*"; }
die() { printf '%s\n' "error: $*" >&2; exit 1; }

# Runs apt-get as root: directly, through sudo, or not at all.
system_install() {
    command -v apt-get >/dev/null 2>&1 || die "$1 is missing and there is no apt-get here: install it and run this again"
    if [ "$(id -u)" -eq 0 ]; then as_root=""
    elif command -v sudo >/dev/null 2>&1; then as_root="sudo"
    else die "$1 is missing: run 'apt-get install $*' as root, then this again"
    fi
    say "installing from the system's packages: $*"
    if [ -z "${apt_updated:-}" ]; then
        $as_root apt-get update -qq || die "apt-get update failed"
        apt_updated=yes
    fi
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null || die "apt-get install $* failed"
}

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for python in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if recent "$python"; then return 0; fi
    done
    return 1
}

fingerprint() { cat pyproject.toml constraints.txt scripts/setup.sh | cksum; printf '%s\n' "$PWD"; }

set_up() {
    if ! command -v dot >/dev/null 2>&1; then system_install graphviz; fi
    if [ -f .venv/.ready ] && [ "$(cat .venv/.ready)" = "$(fingerprint)" ] && .venv/bin/python -c '' 2>/dev/null; then
        return 0
    fi
    if ! find_python; then
        system_install python3 python3-venv
        find_python || die "Python 3.11 or later is needed; $(python3 --version 2>&1) is what python3 gives. Set PYTHON to a later one"
    fi
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        system_install "python$version-venv"
    fi
    say "making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv || die "could not make .venv"
    say "installing the pinned packages (PyTorch among them: several minutes on a slow line)"
    quiet=--quiet
    if [ -t 1 ]; then quiet=; fi
    .venv/bin/python -m pip install $quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' \
        || die "pip could not install the packages, see above"
    # byte code ahead of the first run, also where the environment keeps Python from writing it
    .venv/bin/python -m compileall -q cnndsl || die "cnndsl does not compile"
    fingerprint > .venv/.ready
}
