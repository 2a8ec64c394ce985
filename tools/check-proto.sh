#!/usr/bin/env bash
# Lints the contracts, checks that they only grew since BASE (default: the newest tag, else the first commit that has
# them), and that the generated code is what they give.
set -euo pipefail
cd "$(dirname "$0")/.."
(cd proto && buf lint && buf format --diff --exit-code --path stellaops)
base=${BASE:-$(git describe --tags --abbrev=0 2>/dev/null || git log --reverse --format=%H -- proto/buf.yaml | head -n 1)}
(cd proto && buf breaking --against "../.git#commit=$(git rev-parse "$base^{commit}"),subdir=proto")
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
bash tools/generate-proto.sh "$fresh"
if ! diff -r -q -x __pycache__ "$fresh" proto/gen; then
  echo "error: proto/gen is not what proto/ gives; run: make proto" >&2
  exit 1
fi
