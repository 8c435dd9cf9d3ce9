#!/usr/bin/env bash
# Installs the KMS server that test/node/aws-kms.test.ts runs against; where it cannot, it says so and that test is skipped.
set -euo pipefail
cd "$(dirname "$0")"
venv=../../node_modules/.cache/kms-server

for python in python3 python3.13 python3.12 "$HOME"/.pyenv/versions/3.1[23]*/bin/python3; do
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null || continue
  cmp --silent requirements.txt "$venv/installed.txt" && exit 0
  rm -rf "$venv"
  if "$python" -m venv "$venv" &&
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt; then
    cp requirements.txt "$venv/installed.txt"
    exit 0
  fi
  break
done
echo "No KMS server could be installed (it takes Python 3.12 and pip): the tests against it are skipped." >&2
