#!/usr/bin/env bash
# Generates Python code from proto/ into the folder given.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1
rm -rf "$out" && mkdir -p "$out"
mapfile -t files < <(cd proto && find stellaops -name '*.proto' | LC_ALL=C sort)
python -m grpc_tools.protoc -Iproto -Iproto/third_party --python_out="$out" --grpc_python_out="$out" \
  --mypy_out=quiet:"$out" --mypy_grpc_out=quiet:"$out" "${files[@]}"
# The validation rules' own code: no package ships it for google.protobuf.
python -m grpc_tools.protoc -Iproto/third_party --python_out="$out" --mypy_out=quiet:"$out" buf/validate/validate.proto
# A file that defines no service needs no service code.
grep -LE '^(service|  rpc) ' "${files[@]/#/proto/}" | while read -r file; do
  base=${file#proto/}; rm -f "$out/${base%.proto}_pb2_grpc.py" "$out/${base%.proto}_pb2_grpc.pyi"
done
