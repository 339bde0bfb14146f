#!/usr/bin/env bash
# The whole life of a specialist: the example bank trains one and puts it to work. `make demo` runs this.
set -eu
cd "$(dirname "$0")/.."
out=${1:-build/demo}
mkdir -p "$out"

step() { printf '\n\033[1m$ %s\033[0m\n' "$*"; "$@"; }

step metier audit examples/bank/intents.csv
step metier train examples/bank/intents.csv -o "$out/bank" --effort standard --max-error 5%
step metier evaluate "$out/bank" examples/bank/test.csv --out-of-scope-label out_of_scope
step metier show "$out/bank"
step metier predict "$out/bank" "I lost my card" "why was i charged twice for netflix" "what is the meaning of life?"

printf '\nThe specialist is the folder %s; its report is %s\n' "$out/bank" "$out/bank/report.html"
