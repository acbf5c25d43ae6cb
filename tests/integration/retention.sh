# shellcheck shell=bash
# retention.sh - what the tests of deleting share; to be sourced behind lib.sh.
#
#   conf STORES POLICIES JOBS     writes $config (libconfig's inside of the three groups)
#   keep COMMAND…                 run pgkeep with it
#   fill <JSON-LINES              rows into $catalog (tests/support/bin_catalog.c)
#   mark_dir FOLDER               a store's mark
#   lay_dir STORE FOLDER          the objects of all that the catalog says is complete in STORE
#   lay_s3 STORE BUCKET/PREFIX    the same in a bucket
#   backups GROUP COUNT [STORE…]  JSON lines: daily complete ones, the newest at 2020-11-20; ids go on 01 … COUNT, oldest first, behind two letters of the group
#   state STORE                   "01:complete 02:deleting …", of the catalog, by id
#   $faketime                     the library to preload with FAKETIME=+1h
#   files FOLDER ID               how many objects of it are there

# Empty where it is not installed, or does not go with this build (sanitizers).
# shellcheck disable=SC2034 # for the tests
faketime=$(find /usr/lib -name 'libfaketimeMT.so.1' 2>/dev/null | head -n 1)
[ -z "$faketime" ] || env LD_PRELOAD="$faketime" "$pgkeep" --version >/dev/null 2>&1 || faketime=""
catalog=$work/catalog.db config=$work/pgkeep.conf
conf() {
    cat >"$config" <<END
catalog = "$catalog";
sources: { shop: { conninfo = "dbname=shop"; }; };
stores: { $1 };
policies: { $2 };
jobs: { $3 };
END
    chmod 600 "$config"
}
keep() { run "$pgkeep" --config "$config" "$@"; }
fill() { "$build/tests/catalog" "$catalog" || exit 1; }
json() { jq -r "$1" <<<"$out"; }

mark_text() {
    printf '{"pgkeep_store":1,"uuid":"%s","created":"2026-01-01T00:00:00Z"}\n' "$(cat /proc/sys/kernel/random/uuid)"
}
mark_dir() {
    mkdir -p "$1" && chmod 700 "$1" && mark_text >"$1/pgkeep-store.json"
}
keys_in() { # keys_in STORE: id and key of its complete copies
    "$pgkeep" --config "$config" list --json |
        jq -r --arg store "$1" '.artifacts[] | .id as $id | .copies[] | select(.store == $store and .state == "complete") | $id + " " + .key'
}
lay_dir() {
    local id key name
    mkdir -p "$2/manifests" "$2/state"
    while read -r id key; do
        mkdir -p "$2/$(dirname "$key")"
        for name in "$key" "${key%.sql.gz}.index.gz" "manifests/$id.json"; do echo "$id" >"$2/$name"; done
    done < <(keys_in "$1")
}
lay_s3() {
    local id key name
    while read -r id key; do
        for name in "$key" "${key%.sql.gz}.index.gz" "manifests/$id.json"; do
            s3_call PUT "$2/$name" "$id" || exit 1
        done
    done < <(keys_in "$1")
}
backups() { # backups JOB/DATABASE COUNT STORE...
    local group=$1 count=$2 n copies
    shift 2
    copies=$(printf '{"store":"%s"}\n' "$@" | jq -sc .)
    for ((n = 1; n <= count; n++)); do
        printf '{"id":"%s","job":"%s","source":"shop","database":"%s","time":"%s","raw_bytes":1000,"stored_bytes":100,"copies":%s}\n' \
            "$(id_of "$group" "$n")" "${group%/*}" "${group#*/}" \
            "$(date -u -d "2020-11-20T02:00:00Z - $((count - n)) days" +%FT%TZ)" "$copies"
    done
}
id_of() { # id_of JOB/DATABASE N: the first letters of both, then N
    printf '01JD%s%02d%018d' "$(cut -c1 <<<"${1/#\//X}" | tr '[:lower:]' '[:upper:]')$(cut -d/ -f2 <<<"$1" | cut -c1 | tr '[:lower:]ILOU' '[:upper:]1100')" "$2" 0
}
state() {
    "$pgkeep" --config "$config" list --json --status "${2:-complete}" |
        jq -r --arg store "$1" '[.artifacts[] | .id[6:8] as $id | .copies[] | select(.store == $store) | $id + ":" + .state] | sort | join(" ")'
}
files() { grep -rl "$2" "$1" 2>/dev/null | wc -l; }
