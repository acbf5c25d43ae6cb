# shellcheck shell=bash
# life.sh - a sample life for the pages to show; to be sourced behind tests/integration/lib.sh, with PostgreSQL up.
#
#   life_data         databases shop, crm, analytics and one whose name is an attack on a careless page
#   life_config       $work/pgkeep.conf: four jobs, two stores, two policies; $life_extra is put into it as it is
#   life_days N       N days of backups, verified now and then, in the past as far as libfaketime is there
#   life_marks        a pin, a suspect one, a damaged copy, a failed job
# $life_odd is the hostile name.
# shellcheck disable=SC2034 # for the tests
life_odd='<img src=x onerror=document.title=1>'
life_clock=$(find /usr/lib -name 'libfaketimeMT.so.1' 2>/dev/null | head -n 1)
[ -z "$life_clock" ] || env LD_PRELOAD="$life_clock" "$pgkeep" --version >/dev/null 2>&1 || life_clock=""
export PGKEEP_CONFIG=$work/pgkeep.conf

# life_pgkeep AGE COMMAND...: as it would have run AGE (30d, 0d) ago.
life_pgkeep() {
    local age=$1
    shift
    if [ -n "$life_clock" ] && [ "$age" != 0d ]; then
        env LD_PRELOAD="$life_clock" FAKETIME="-$age" "$pgkeep" -q "$@"
    else
        "$pgkeep" -q "$@"
    fi
}

life_data() {
    createdb shop && createdb crm && createdb analytics && createdb "$life_odd" || return 1
    psql -qX -v ON_ERROR_STOP=1 -d shop <<'END' >/dev/null || return 1
CREATE SCHEMA sales;
CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL, email text, born date);
INSERT INTO customers SELECT n, 'Customer ' || n, 'c' || n || '@example.com', date '1950-01-01' + n % 20000 FROM generate_series(1, 3000) n;
CREATE TABLE sales.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer bigint REFERENCES customers, placed timestamptz, total numeric(12,2), note text);
INSERT INTO sales.orders (customer, placed, total, note) SELECT 1 + n % 3000, timestamptz '2024-01-01 00:00Z' + n * interval '37 seconds', n % 100000 / 7.0, md5(n::text) FROM generate_series(1, 9000) n;
CREATE TABLE sales.invoices (id bigint PRIMARY KEY, "order" bigint REFERENCES sales.orders, document bytea);
INSERT INTO sales.invoices SELECT n, n, decode(md5(n::text), 'hex') FROM generate_series(1, 2000) n;
CREATE TABLE sessions (token text PRIMARY KEY, seen timestamptz);
INSERT INTO sessions SELECT md5(n::text), now() FROM generate_series(1, 1500) n;
CREATE VIEW sales.turnover AS SELECT date_trunc('month', placed) AS month, sum(total) AS total FROM sales.orders GROUP BY 1;
END
    psql -qX -v ON_ERROR_STOP=1 -d crm <<'END' >/dev/null || return 1
CREATE TABLE contacts (id bigint PRIMARY KEY, name text, company text, phone text);
INSERT INTO contacts SELECT n, 'Contact ' || n, 'Company ' || n % 97, '+49 30 ' || n FROM generate_series(1, 2500) n;
CREATE TABLE notes (id bigint PRIMARY KEY, contact bigint REFERENCES contacts, body text);
INSERT INTO notes SELECT n, 1 + n % 2500, repeat(md5(n::text) || ' ', 3) FROM generate_series(1, 4000) n;
END
    psql -qX -v ON_ERROR_STOP=1 -d analytics <<'END' >/dev/null || return 1
CREATE TABLE events (id bigint PRIMARY KEY, at timestamptz, kind text, payload jsonb);
INSERT INTO events SELECT n, timestamptz '2024-01-01 00:00Z' + n * interval '11 seconds', (ARRAY['view','click','buy'])[1 + n % 3], jsonb_build_object('n', n, 'hash', md5(n::text)) FROM generate_series(1, 12000) n;
END
    psql -qX -v ON_ERROR_STOP=1 -d "dbname='$life_odd'" <<'END' >/dev/null
CREATE TABLE "<script>document.title=1</script>" (id int, "<b>text</b>" text);
INSERT INTO "<script>document.title=1</script>" SELECT n, '<img src=x onerror=document.title=2> ' || n FROM generate_series(1, 150) n;
END
}

life_config() {
    local offsite=${life_offsite:-"type = \"dir\"; path = \"$work/offsite\";"}
    mkdir -p "$work/nas" "$work/offsite" "$work/conf.d"
    chmod 700 "$work/conf.d"
    cat >"$PGKEEP_CONFIG" <<END
catalog = "$work/catalog.db";
include_dir = "conf.d";
editable = true;
${life_extra:-}
sources: { web: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=postgres"; databases = [ "shop", "crm" ]; };
           warehouse: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=analytics"; };
           odd: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=postgres"; databases = [ "<*" ]; };
           retired: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=retired"; }; };
stores: { nas: { type = "dir"; path = "$work/nas"; };
          offsite: { $offsite }; };
policies: { standard: { keep_last = 3; keep_daily = 7; keep_weekly = 4; keep_monthly = 12; timezone = "Europe/Berlin"; };
            short: { keep_days = 14; min_keep = 2; }; };
jobs: { nightly: { source = "web"; stores = [ "nas", "offsite" ]; schedule = "30 2 * * *"; timezone = "Europe/Berlin"; retention = "standard"; };
        events: { source = "warehouse"; stores = [ "nas" ]; schedule = "0 */6 * * *"; compress = "zstd:3"; retention = "short"; };
        oddities: { source = "odd"; stores = [ "nas" ]; schedule = "@weekly"; retention = "standard"; enabled = false; };
        legacy: { source = "retired"; stores = [ "nas" ]; schedule = "@daily"; }; };
END
    chmod 600 "$PGKEEP_CONFIG"
}

# Each day the databases grow a little; on one day analytics is nearly empty, which makes its backup suspect.
life_days() {
    local day age
    for ((day = $1; day > 0; day--)); do
        age=$((day - 1))d
        psql -qX -d shop -c "INSERT INTO sales.orders (customer, placed, total, note) SELECT 1 + n % 3000, now(), n, md5((n * $day)::text) FROM generate_series(1, 60 + ($day % 5) * 25) n"
        psql -qX -d analytics -c "INSERT INTO events SELECT max, now(), 'view', jsonb_build_object('hash', md5((max * 7)::text)) FROM (SELECT (SELECT max(id) FROM events) + n AS max FROM generate_series(1, 250) n) x"
        life_pgkeep "$age" backup nightly >/dev/null || return 1
        life_pgkeep "$age" backup events >/dev/null || return 1
        ((day % 7 != 1)) || life_pgkeep "$age" backup oddities >/dev/null || return 1
        ((day % 10 != 5)) || life_pgkeep "$age" verify latest:nightly/shop --level full >/dev/null
    done
}

life_marks() {
    local id key
    id=$("$pgkeep" list --job nightly --database shop --limit 40 --json | jq -r '.artifacts[-1].id')
    "$pgkeep" -q pin "$id" --reason "before the move to the new server" >/dev/null
    # A copy that has rotted.
    read -r id key < <("$pgkeep" list --job nightly --database crm --limit 3 --json |
        jq -r '.artifacts[-1] | .id + " " + (.copies[] | select(.store == "nas") | .key)')
    printf 'rot' | dd of="$work/nas/$key" bs=1 seek=2000 conv=notrunc status=none
    "$pgkeep" -q verify "$id" --level full >/dev/null 2>&1
    "$pgkeep" -q backup legacy >/dev/null 2>&1
    # Nearly all rows are gone: this one is suspect.
    psql -qX -d analytics -c "CREATE TABLE kept AS SELECT * FROM events; TRUNCATE events"
    "$pgkeep" -q backup events >/dev/null 2>&1
    psql -qX -d analytics -c "INSERT INTO events SELECT * FROM kept; DROP TABLE kept"
    "$pgkeep" -q verify latest:nightly/crm --level full >/dev/null 2>&1
    return 0
}
