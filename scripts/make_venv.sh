#!/bin/sh
# Set .venv up with the project and one of its extras: sh scripts/make_venv.sh demo|docs|lab|test
#
# PYTHON names the interpreter; the default is the first candidate that is new enough. Changes nothing outside .venv.
set -eu

extra=$1
candidates="python3.13 python3.12 python3.11 python3 python"
new_enough="import sys; assert sys.version_info >= (3, 11)"

say() { printf '%s\n' "$*" >&2; }

choose() {
    lacking=
    if [ -n "${PYTHON:-}" ]; then
        "$PYTHON" -c "$new_enough" 2>/dev/null || {
            say "PYTHON=$PYTHON is not Python 3.11 or newer: name another, e.g. make PYTHON=/usr/bin/python3.12 $extra"
            exit 1
        }
        set -- "$PYTHON"
    else
        set -- $candidates
    fi
    for candidate in "$@"; do
        "$candidate" -c "$new_enough" 2>/dev/null || continue
        if "$candidate" -c "import ensurepip, venv" 2>/dev/null; then
            python=$candidate
            return
        fi
        lacking=${lacking:-$candidate}
    done
    if [ -n "$lacking" ]; then
        version=$("$lacking" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        say "$lacking lacks venv: install it (Debian and Ubuntu: sudo apt-get install python$version-venv) and run make $extra again."
    else
        say "rbtlive needs Python 3.11 or newer: install one (python.org), or name one: make PYTHON=/path/to/python3.11 $extra"
    fi
    exit 1
}

# Rebuild an interrupted or outdated environment; add packages to a good one.
if ! .venv/bin/python -c "$new_enough; import pip" >/dev/null 2>&1; then
    choose
    say "Making .venv with $("$python" --version) ..."
    rm -rf .venv
    "$python" -m venv .venv
fi
say "Installing rbtlive[$extra] into .venv (the first time takes a minute or two) ..."
install=".venv/bin/python -m pip install --quiet --disable-pip-version-check"
$install --upgrade pip # an older one takes half as long again
$install --no-compile --editable ".[$extra]"
# On all cores, which pip would not use. Packages may hold files that do not compile: templates, other Pythons.
.venv/bin/python -m compileall -qq -j 0 -x /tests/ .venv/lib || true
touch ".venv/.ready-$extra"
if [ "$extra" = test ]; then # includes the other extras
    touch .venv/.ready-demo .venv/.ready-docs .venv/.ready-lab
fi
say "Ready."
