#!/usr/bin/env bash
# The whole life of a specialist: the example bank trains one and puts it to work. `make demo` runs this.
set -eu
cd "$(dirname "$0")/.."
out=${1:-build/demo}
data=examples/bank
mkdir -p "$out"

step() {
    printf '\n\033[1m$'
    for word in "$@"; do case $word in *" "*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac; done
    printf '\033[0m\n'
    "$@"
}

step metier audit $data/intents.csv
step metier train $data/intents.csv -o "$out/bank" --effort standard --max-error 5%
step metier evaluate "$out/bank" $data/test.csv --out-of-scope-label out_of_scope --report "$out/evaluation.html"
step metier show "$out/bank"
step metier predict "$out/bank" "I lost my card" "why was i charged twice for netflix" "what is the meaning of life?"

printf '\nThe specialist is the folder %s, with the report of its training in it.\n' "$out/bank"
printf 'The report on rows it had never seen is %s: open it in a browser.\n' "$out/evaluation.html"
printf 'The bank has an assistant, too: make chat\n'
