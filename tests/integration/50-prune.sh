#!/usr/bin/env bash
# Goal: prune shows what it would do and does just that: one reason per copy, policies per job and store, groups that
# never mix, guards that refuse with the line that forces, and none of the disasters of others. Needs no server.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/retention.sh
. "$(dirname "$0")/retention.sh"

nas="nas: { type = \"dir\"; path = \"$work/nas\"; };"
offsite="offsite: { type = \"dir\"; path = \"$work/offsite\"; };"
fresh() { # fresh: no catalog, empty stores
    rm -rf "$catalog"* "$work/nas" "$work/offsite"
    mark_dir "$work/nas"
    mark_dir "$work/offsite"
}
lay() { lay_dir nas "$work/nas" && lay_dir offsite "$work/offsite"; }
job() { echo "$1: { source = \"shop\"; stores = [ ${2:-\"nas\"} ]; ${3-retention = \"standard\";} };"; }
all_files() { (cd "$work" && find nas offsite -type f | sort); }
# verdicts [STORE]: "01keep 02prune …", as the last --json said
# shellcheck disable=SC2120 # the store is optional
verdicts() { json "[.copies[] | select(.store == \"${1:-nas}\") | .id[6:8] + .verdict] | sort | join(\" \")"; }
reason() { json "[.copies[] | select(.id[6:8] == \"$1\" and .store == \"${2:-nas}\") | .reasons[]] | join(\"; \")"; }
hash_of() { sed -n 's/.*--force-unsafe=\([0-9a-f]\{16\}\) --yes.*/\1/p' <<<"$err"; }
warp() { # warp HOURS COMMAND…: the clock of pgkeep is that far off
    local by=$1
    shift
    run env LD_PRELOAD="$faketime" FAKETIME="$by" "$pgkeep" --config "$config" "$@"
}

# ---- the plan, and that showing it changes nothing ----
fresh
conf "$nas" "standard: { keep_last = 2; keep_weekly = 2; };" "$(job nightly)"
backups nightly/shop 6 nas | fill
lay
before=$(all_files)
keep prune
is "a dry run: exit status" "$status" 0
is "a dry run: group, store, policy, anchor; verdict, id, time, size, reasons; sums" "$out" \
    "group nightly/shop/full  store nas  policy standard (last=2 weekly=2 min_keep=1 UTC)  anchor 2020-11-20 02:00+00
KEEP    01JDNS0600  2020-11-20 02:00      100 B  last 1/2; weekly 1/2
KEEP    01JDNS0500  2020-11-19 02:00      100 B  last 2/2
PRUNE   01JDNS0400  2020-11-18 02:00      100 B  no rule keeps it (week 2020-W47 is 01JDNS0600)
PRUNE   01JDNS0300  2020-11-17 02:00      100 B  no rule keeps it (week 2020-W47 is 01JDNS0600)
PRUNE   01JDNS0200  2020-11-16 02:00      100 B  no rule keeps it (week 2020-W47 is 01JDNS0600)
KEEP    01JDNS0100  2020-11-15 02:00      100 B  weekly 2/2

plan $(grep -o 'plan [0-9a-f]*' <<<"$out" | cut -c6-)  keep 3  prune 3 (50 %)  frees 300 B  guards ok"
shown=$(sed -n 's/^plan \([0-9a-f]\{16\}\).*/\1/p' <<<"$out")
is "a dry run deletes nothing" "$(all_files)" "$before"
is "nor does the catalog change" "$(state nas)" "01:complete 02:complete 03:complete 04:complete 05:complete 06:complete"
keep prune --json
is "JSON: dry run" "$status $(json '.dry_run, .skipped == [], .refused')" $'0 true\ntrue\nnull'
is "JSON: the same hash" "$(json .plan_hash)" "$shown"
is "JSON: the keys of a copy" "$(json '.copies[0] | keys_unsorted | join(" ")')" "id group store time bytes verdict reasons result error"
is "JSON: verdicts" "$(verdicts)" "01keep 02prune 03prune 04prune 05keep 06keep"
is "JSON: reasons" "$(reason 06)" "last 1/2; weekly 1/2"
is "JSON: times and sizes" "$(json '.copies[0] | [.time, .bytes, .group] | map(tostring) | join(" ")')" \
    "2020-11-20T02:00:00Z 100 nightly/shop/full"

# ---- the same plan, carried out ----
keep prune --yes --json
is "P27: the real run has the hash that was shown" "$status $(json .plan_hash)" "0 $shown"
is "what was done stands by each copy" "$(json '[.copies[] | .id[6:8] + (.result // "-")] | sort | join(" ")')" \
    "01- 02deleted 03deleted 04deleted 05- 06-"
is "nothing is left of what went" "$(files "$work/nas" 01JDNS02) $(files "$work/nas" 01JDNS03) $(files "$work/nas" 01JDNS04)" "0 0 0"
is "Q3: what was kept is whole" "$(files "$work/nas" 01JDNS01) $(files "$work/nas" 01JDNS05) $(files "$work/nas" 01JDNS06)" "3 3 3"
keep list --json --status deleted
is "tombstones stay" "$(json '[.artifacts[].id[6:8]] | sort | join(" ")')" "02 03 04"
keep prune --yes
is "P10: once more there is nothing to do" "$status $(grep -c PRUNE <<<"$out")" "0 0"

# ---- which policy applies ----
fresh
conf "$nas $offsite" "standard: { keep_last = 2; }; short: { keep_last = 1; }; default: { keep_last = 3; };" \
    "$(job nightly '"nas", "offsite"' 'retention = "standard"; store_retention: { nas = "short"; };') $(job weekly '"nas"' '')"
{
    backups nightly/shop 4 nas offsite
    backups weekly/shop 4 nas
    backups gone/shop 4 nas
    backups /shop 4 nas
} | fill
keep prune --json
policy() { json ".groups[] | select(.group == \"$1\" and .store == \"$2\") | .policy + \" \" + (.keep | tostring)"; }
is "policy: job and store" "$(policy nightly/shop/full nas)" "short 1"
is "policy: job" "$(policy nightly/shop/full offsite)" "standard 2"
is "policy: default" "$(policy weekly/shop/full nas)" "default 3"
is "policy: default for a job that the configuration has no more" "$(policy gone/shop/full nas)" "default 3"
is "policy: default for what was taken ad hoc" "$(policy shop/shop/full nas)" "default 3"
keep prune --json --job weekly
is "--job" "$(json '[.groups[].group] | unique | join(" ")')" "weekly/shop/full"
keep prune --json --store offsite
is "--store" "$(json '[.groups[].store] | unique | join(" ")')" "offsite"
keep prune --job wekly
is "an unknown job" "$status" 3
keep prune --store nass
is "an unknown store" "$status" 3
like "and what is near" "$err" "nas"
conf "$nas" "" "$(job nightly '"nas"' '')"
keep prune --yes --json
is "G1: no policy keeps everything" "$status $(json '[.copies[].verdict] | unique | join(" ")')" "0 keep"
unlike "G1: who asked for nothing is not warned" "$err" "is on"
conf "$nas $offsite" "idle: { keep_last = 0; };" "$(job nightly '"nas", "offsite"' 'retention = "idle";')"
keep prune --yes --json
is "G1: a policy in which nothing is on keeps everything" "$status $(json '[.copies[].verdict] | unique | join(" ")')" "0 keep"
is "G1: and says so, once" "$(grep -c . <<<"$err") $err" '1 pgkeep: warning: no rule is on in policy "idle": everything is kept'
keep prune --yes
unlike "of groups of which nothing goes no header is printed" "$out" "^group"

# ---- groups never mix; a short name is no prefix (docker-postgres-backup-local) ----
fresh
conf "$nas" "standard: { keep_last = 1; };" "$(job app) $(job app-staging '"nas"' '')"
{
    backups app/shop 2 nas
    backups app-staging/web 2 nas
} | fill
lay
keep prune --yes --job app
is "disaster 10: pruning job app leaves app-staging alone" "$status $(files "$work/nas" 01JDAS01) $(files "$work/nas" 01JDAW01)" "0 0 3"

# ---- a replica that is not there yet ----
fresh
conf "$nas $offsite" "standard: { keep_last = 4; }; short: { keep_last = 1; guard_percent = 100; };" \
    "$(job nightly '"nas", "offsite"' 'retention = "standard"; store_retention: { nas = "short"; };')"
{
    backups nightly/shop 5 nas offsite |
        jq -c 'if .id[6:8] == "02" or .id[6:8] == "01" then .copies[1].state = "failed" elif .id[6:8] == "03" then .copies[1].state = "missing" else . end'
} | fill
lay
keep prune --json
is "G7: what offsite still waits for stays" "$(verdicts)" "01prune 02keep 03keep 04prune 05keep"
is "G7: and why" "$(reason 02)" "pending copy to offsite"
like "G7: what offsite would not keep is not waited for" "$(reason 01)" "no rule keeps it"
keep prune --json --store nas
is "G7: also when only this store is pruned" "$(verdicts)" "01prune 02keep 03keep 04prune 05keep"
rm -rf "$work/offsite"
keep prune --json
is "G7: also while that store is away" "$status $(verdicts)" "8 01prune 02keep 03keep 04prune 05keep"
is "and it is skipped" "$(json '[.skipped[].store] | join(" ")')" "offsite"

# ---- guards ----
fresh
conf "$nas $offsite" "standard: { keep_last = 3; };" "$(job nightly) $(job hourly '"offsite"' 'retention = "standard";')"
{
    backups nightly/shop 12 nas
    backups hourly/shop 5 offsite
} | fill
lay
keep prune
is "G3: a dry run that a guard refuses" "$status" 9
like "G3: the figures" "$err" "group nightly/shop/full store nas: too many at once \\(G3\\): 9 of 12 complete copies would go"
like "G3: the plan is shown all the same" "$out" "guards G3"
cp "$config" "$work/it's a.conf"
run "$pgkeep" --config "$work/it's a.conf" prune --job nightly
like "G3: the line that forces can be pasted" "$err" "pgkeep --config '.*/it'\\\\''s a.conf' prune --job nightly --force"
hash=$(hash_of)
keep prune --yes
is "G3: --yes is refused" "$status" 9
is "G3: nothing of that group goes" "$(files "$work/nas" 01JDN)" 36
is "G3: other groups go on" "$(files "$work/offsite" 01JDH)" 9
keep prune --yes --force-unsafe="$hash"
is "what is forced must be what was shown: another plan by now" "$status $(files "$work/nas" 01JDN)" "9 36"
keep prune
hash=$(hash_of)
like "the message holds the exact line" "$err" "pgkeep --config $config prune --force-unsafe=$hash --yes"
keep prune --force-unsafe="$hash"
is "forced, but only shown" "$status $(files "$work/nas" 01JDN)" "0 36"
keep prune --yes --force-unsafe="$hash"
is "G3: forced" "$status $(files "$work/nas" 01JDN)" "0 9"

fresh
backups nightly/shop 5 nas | jq -c 'if .id[6:8] == "05" then .suspect = true else . end' | fill
lay
keep prune --yes
is "G11: the newest is suspect: nothing goes" "$status $(files "$work/nas" 01JDN)" "9 15"
like "G11: and why" "$err" "a doubtful newest backup \\(G11\\): 01JDNS05[0-9]* is suspect.*pgkeep accept 01JDNS05"

fresh
backups nightly/shop 4 nas | jq -c 'if .id[6:8] == "01" then .pin = "before migration" else . end' | fill
lay
keep prune --yes --json
is "a pinned one stays" "$status $(verdicts)" "0 01keep 02keep 03keep 04keep"
is "and says so" "$(reason 01)" 'pinned "before migration"'

fresh
conf "$nas" "standard: { keep_last = 1; delete_grace = \"1d\"; };" "$(job nightly)"
backups nightly/shop 2 nas | fill
lay
keep prune --yes --json
is "G6: delete_grace: at first only marked" "$status $(verdicts) $(files "$work/nas" 01JDNS01)" "0 01held 02keep 4"
keep prune --yes
is "G6: and not gone at once after" "$(files "$work/nas" 01JDNS01)" 4
if [ -n "$faketime" ]; then
    warp +25h prune --yes
    is "G6: but after a day" "$status $(files "$work/nas" 01JDNS01)" "0 0"
else
    skip "G6: but after a day" "no libfaketime"
fi

# ---- clocks ----
if [ -n "$faketime" ]; then
    fresh
    conf "$nas" "standard: { keep_last = 3; };" "$(job nightly)"
    backups nightly/shop 4 nas | fill
    lay
    warp +1y prune
    is "a clock set forward: nothing ages out (P15)" "$status $(grep -c ^PRUNE <<<"$out")" "0 1"
    conf "$nas" "standard: { keep_within = \"2d\"; };" "$(job nightly)"
    warp +5y prune --json
    is "a clock set forward: durations count from the newest one" "$(verdicts)" "01prune 02keep 03keep 04keep"
    run "$pgkeep" --config "$config" prune --yes --job nightly
    backups nightly/shop 9 nas | tail -n 3 | jq -c '.id[6:8] as $n | .id = "01JDNX" + $n + .id[8:]' | fill
    lay
    warp -3h prune --yes
    is "G4: a clock set back: exit status" "$status" 9
    like "G4: and why" "$err" "a clock that went back \\(G4\\): it says .*, but .* has already been seen"
    unlike "G4: and the summary does not say that all is well" "$out" "guards ok"
    is "G4: nothing went" "$(files "$work/nas" 01JDNX)" 9
    warp -3y prune --yes
    keep show 01JDNX09 --json
    is "G4: by such a clock good ones are not set aside for good" "$(json .quarantined)" false
fi

# ---- disasters of others, each by its name ----
fresh
conf "$nas" "standard: { keep_days = 3; failed_keep = \"1d\"; };" "$(job nightly)"
{
    backups nightly/shop 1 nas | jq -c '.time = "2020-01-01T02:00:00Z"'
    backups nightly/shop 9 nas | tail -n 8 | jq -c '.status = "failed" | .copies[0].state = "failed"'
} | fill
lay
keep prune --yes --json
is "disaster 1: an age policy and failing backups leave the last good one (pgbackweb#121)" \
    "$status $(reason 01) $(files "$work/nas" 01JDNS01)" "0 days 3 3"
is "disaster 1: every newer run failed, and none of them counts" "$(json '[.copies[] | select(.verdict == "ignore")] | length')" 8

fresh
conf "$nas" "standard: { keep_last = 3; };" "$(job nightly)"
backups nightly/shop 9 nas | jq -c 'if .id[6:8] > "03" then .status = "failed" | .copies[0].state = "failed" else . end' | fill
lay
keep prune --yes
is "disaster 2: failed ones take no slots (borg#997)" "$status $(files "$work/nas" 01JDN)" "0 9"

fresh
backups nightly/shop 5 nas | fill
lay
before=$(all_files)
while IFS='|' read -r policy expected; do
    conf "$nas" "standard: { $policy };" "$(job nightly)"
    keep prune --yes
    is "disaster 3: $policy deletes nothing" "$status $(all_files | md5sum)" "$expected $(md5sum <<<"$before")"
done <<'END'
keep_last = 0;|0
keep_last = -1;|3
keep_lst = 1;|3
keep_days = 0;|3
keep_within = "0x";|3
keep_last = "1";|3
min_keep = 0; keep_last = 1;|3
timezone = "Europe/Atlantis"; keep_daily = 1;|3
END

fresh
conf "$nas" "standard: { keep_last = 1; };" "$(job nightly)"
backups nightly/shop 3 nas | jq -c 'if .id[6:8] == "02" then .time = "2099-01-01T00:00:00Z" else . end' | fill
lay
keep prune --yes --json
is "disaster 4: one dated in the future pushes nothing out (restic#21956)" "$status $(verdicts)" "0 01prune 02keep 03keep"
keep show 01JDNS02 --json
is "disaster 4: and is set aside for good" "$(json .quarantined)" true
ok "disaster 4: which the store knows too" grep -q '"quarantined": *true' "$work"/nas/state/01JDNS02*.json

# ---- failed and damaged ones ----
fresh
conf "$nas" "standard: { keep_last = 9; };" "$(job nightly)"
backups nightly/shop 6 nas | jq -c '
    if .id[6:8] == "01" then .status = "failed" | .copies[0].state = "failed" | .time = "2026-01-01T00:00:00Z"
    elif .id[6:8] == "02" then .copies[0].state = "damaged" | .time = "2026-01-02T00:00:00Z"
    elif .id[6:8] == "03" then .copies[0].state = "damaged" elif .id[6:8] == "04" then .status = "failed" | .copies[0].state = "failed"
    elif .id[6:8] == "06" then .copies[0].state = "verified"
    else . end | if .id[6:8] > "02" then del(.time) | .hours_ago = 9 - (.id[6:8] | tonumber) else . end' | fill
lay
keep prune
like "damaged: what was found just now may be healed yet, however old it is" "$out" "clears away 1 failed or damaged copy$"
sqlite3 "$catalog" "UPDATE verifications SET time = time - 31 * 86400; UPDATE copies SET completed = completed - 40 * 86400"
keep prune
like "failed and damaged: what would be cleared away is told" "$out" "clears away 2 failed or damaged copies"
keep prune --yes
is "failed and damaged: after failed_keep and damaged_keep" "$status $(keep list --json && json '[.artifacts[].id[6:8]] | sort | join(" ")')" "0 03 04 05 06"

# ---- the cap ----
fresh
conf "$nas" "standard: { keep_last = 9; max_total_size = \"250B\"; guard_percent = 100; min_keep = 3; };" "$(job nightly)"
backups nightly/shop 5 nas | fill
lay
keep prune --yes --json
is "a cap that floors keep out of reach: exit status" "$status $(verdicts)" "8 01prune 02prune 03keep 04keep 05keep"
like "what the cap takes says so" "$(reason 01)" "max_total_size \(was: last 5/9\)"

# ---- delete ----
fresh
conf "$nas $offsite" "" "$(job nightly '"nas", "offsite"' '')"
backups nightly/shop 3 nas offsite | jq -c 'if .id[6:8] == "03" then .pin = "mine" else . end' | fill
lay
keep delete 01JDNS01
is "delete without --yes only says what it would do" "$status $(files "$work/nas" 01JDNS01)" "0 3"
like "delete says what it would do" "$out" "store nas .*would be deleted.*store offsite .*nothing is deleted without --yes"
keep delete 01JDNS01 --store nas --yes
is "delete --store: only that copy" "$status $(files "$work/nas" 01JDNS01) $(files "$work/offsite" 01JDNS01)" "0 0 3"
keep delete 01JDNS01 --store nas --yes
is "delete --store: no copy there any more" "$status" 1
keep delete 01JDNS03 --yes
is "delete of a pinned one" "$status $(files "$work/nas" 01JDNS03)" "9 3"
like "and the way out" "$err" "unpin"
keep delete 01JDNS01 --yes --json
is "delete in JSON" "$status $(json '[.dry_run, .copies[].store, .copies[].result] | map(tostring) | join(" ")')" "0 false offsite deleted"
keep delete 01JDNS01 --yes
is "delete of a deleted one" "$status" 1
keep delete 01JDXX --yes
is "delete of an unknown one" "$status" 1

fresh
backups nightly/shop 2 nas offsite | jq -c 'if .id[6:8] == "02" then .suspect = true else . end' | fill
lay
keep delete 01JDNS01 --store nas --yes
is "delete of one copy of the last good one, which has another" "$status" 0
keep delete 01JDNS01 --yes
is "delete of the last good one: a suspect one does not stand in for it" "$status $(files "$work/offsite" 01JDNS01)" "9 3"
like "and why" "$err" "is the last good backup of nightly/shop/full"
keep delete 01JDNS01
is "delete of the last good one is refused when shown, too" "$status" 9
finished
