#!/usr/bin/env bash
# Installs outside checkers in the versions of versions.env into a cache outside the tree; what is there is reused.
# Usage: bash tools/install.sh [cosign-v2|cosign-v3|helm|jq|zstd …]   (no name: all but jq and zstd)
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=versions.env
source "$here/versions.env"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/export-center/tools"

fail() {
  echo "tools: $1" >&2
  exit 1
}

# go_program FOLDER PROGRAM MODULE@VERSION: builds beside its final place and renames, so a half build is never found.
go_program() {
  local folder="$cache/$1" program="$2" module="$3" building
  if [[ -x "$folder/$program" ]]; then
    echo "$folder/$program"
    return
  fi
  command -v go >/dev/null || fail "Go is missing, and $module is built with it. Install Go 1.26 or newer, then run this again."
  mkdir -p "$folder"
  building="$(mktemp -d "$folder/.building.XXXXXX")"
  echo "tools: building $module, which takes some minutes" >&2
  if ! GOBIN="$building" CGO_ENABLED=0 GOFLAGS=-trimpath go install "$module"; then
    rm -rf "$building"
    fail "$module could not be built; what Go said stands above."
  fi
  mv "$building/$program" "$folder/$program"
  rmdir "$building"
  echo "$folder/$program"
}

# debian_program PROGRAM: one that a distribution has in any version that will do.
debian_program() {
  command -v "$1" || fail "$1 is missing. On Debian: apt-get install $1"
}

install() {
  case "$1" in
    jq | zstd) debian_program "$1" ;;
    cosign-v2) go_program "cosign-$COSIGN_V2" cosign "github.com/sigstore/cosign/v2/cmd/cosign@$COSIGN_V2" ;;
    cosign-v3) go_program "cosign-$COSIGN_V3" cosign "github.com/sigstore/cosign/v3/cmd/cosign@$COSIGN_V3" ;;
    helm) go_program "helm-$HELM" helm "helm.sh/helm/v3/cmd/helm@$HELM" ;;
    *) fail "there is no tool '$1'; there are: cosign-v2 cosign-v3 helm jq zstd" ;;
  esac
}

if [[ $# -eq 0 ]]; then
  set -- cosign-v2 cosign-v3 helm
fi
for name in "$@"; do
  install "$name"
done
