#!/usr/bin/env bash
# Goal: kill -9 at steps of an upload (PGKEEP_LONG=1: at every one), once and twice, into a folder and a bucket; then one sweep, and neither a
# ghost row nor an orphan object is left, and what was there before is whole.
# shellcheck source=tests/fault/crash.sh
. "$(dirname "$0")/crash.sh"

keep backup nightly && kept=("$out")
like "a first backup" "$out" '^[0-9A-Z]{26}$'
prepare() { :; }
for call in "${calls[@]}" linkat renameat2; do
    every "$call" upload backup nightly
done
finished
