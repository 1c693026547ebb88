#!/usr/bin/env bash
# Everything compiles with clang at the same strict level.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

./dev build clang
