#include "config/settings.h"
#include "config/resolve.h"
#include "base/file.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORDS_MAX = 14 };

static char folder[SCRATCH_SIZE];
static char config_path[SCRATCH_SIZE + 2];

static void set_up(void)
{
    scratch_folder(folder);
    (void)snprintf(config_path, sizeof(config_path), "%s/f", folder);
    ck_assert_int_eq(setenv("XDG_CONFIG_HOME", folder, 1), 0);
    ck_assert_int_eq(unsetenv("PGKEEP_CONFIG"), 0);
    ck_assert_int_eq(unsetenv("PGKEEP_CATALOG"), 0);
}

static void tear_down(void)
{
    scratch_remove(folder);
}

/* Loads with this file (NULL: none) and these words behind "pgkeep". */
static int load(struct settings *settings, const char *text, const char *const *words,
                struct err *err)
{
    static const char *const commands[] = {"backup", "list", "config", "doctor"};
    char *argv[WORDS_MAX + 4] = {NULL};
    int argc = 0;
    struct config_args args;
    argv[argc++] = memory_strdup("pgkeep");
    if (text) {
        int fd = open(config_path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        (void)close(fd);
        argv[argc++] = memory_format("--config=%s", config_path);
    }
    for (size_t i = 0; words[i]; i++)
        argv[argc++] = memory_strdup(words[i]);
    struct config_args_line line = {argc, argv, commands, 4};
    int result = config_args_parse(&args, &line, err);
    if (result == 0)
        result = settings_load(settings, &args, err);
    else
        *settings = (struct settings){0};
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    config_args_release(&args);
    return result;
}

static const char *const list[] = {"list", NULL};

#define SHOP "sources: { shop: { conninfo = \"dbname=shop\"; }; };\n"
#define NAS                                                                                \
    "stores: { nas: { type = \"dir\"; path = \"/srv\"; };\n"                               \
    " off: { type = \"s3\"; bucket = \"b\"; }; };\n"

static const struct {
    const char *claim, *text, *error; /* the error behind the path of the file */
} bad[] = {
    {"source without conninfo", "sources: { s: {}; };",
     ":1: source \"s\": \"conninfo\" is missing"},
    {"store without type", "stores: {\n s: { path = \"/x\"; }; };",
     ":2: store \"s\": \"type\" is missing"},
    {"dir without path", "stores: { s: { type = \"dir\"; }; };",
     ":1: store \"s\": \"path\" is missing"},
    {"s3 without bucket", "stores: { s: { type = \"s3\"; }; };",
     ":1: store \"s\": \"bucket\" is missing"},
    {"s3 key in a dir",
     "stores: { s: { type = \"dir\"; path = \"/x\";\n region = \"r\"; }; };",
     ":2: store \"s\": \"region\" is not a key of a store of type \"dir\""},
    {"two ways for a key",
     "stores: { s: { type = \"s3\"; bucket = \"b\"; access_key = \"a\"; secret_key_env = "
     "\"B\"; "
     "secret_key_file = \"/x\"; }; };",
     ":1: store \"s\": only one of secret_key, secret_key_env and secret_key_file"},
    {"half a key",
     "stores: { s: { type = \"s3\"; bucket = \"b\"; access_key = \"a\"; }; };",
     ":1: store \"s\": an access key needs a secret key, and the other way"},
    {"token without key",
     "stores: { s: { type = \"s3\"; bucket = \"b\"; session_token_env = \"A\"; }; };",
     ":1: store \"s\": a session token needs an access key"},
    {"lock without time",
     "stores: { s: { type = \"s3\"; bucket = \"b\";\n object_lock_mode = \"COMPLIANCE\"; "
     "}; };",
     ":2: store \"s\": \"object_lock_mode\" needs \"object_lock\""},
    {"two kinds of encryption",
     "stores: { s: { type = \"s3\"; bucket = \"b\"; sse = \"AES256\"; sse_c_key_file = "
     "\"/k\"; "
     "}; };",
     ":1: store \"s\": \"sse\" and \"sse_c_key_file\" exclude each other"},
    {"two passwords",
     "sources: { s: { conninfo = \"x\"; password = \"a\"; password_env = \"B\"; }; };",
     ":1: source \"s\": \"password\" and \"password_env\" exclude each other"},
    {"job without source", NAS "jobs: { j: { stores = [ \"nas\" ]; }; };",
     ":3: job \"j\": \"source\" is missing"},
    {"job without stores", SHOP "jobs: { j: { source = \"shop\"; }; };",
     ":2: job \"j\": \"stores\" is missing"},
    {"job with no store in its list",
     SHOP "jobs: { j: { source = \"shop\";\n stores = []; }; };",
     ":3: job \"j\": \"stores\" is missing"},
    {"unknown source",
     SHOP NAS "jobs: { j: { source = \"shoop\"; stores = [ \"nas\" ]; }; };",
     ":4: job \"j\": there is no source \"shoop\"\nhint: did you mean \"shop\"?"},
    {"unknown store",
     SHOP NAS "jobs: { j: { source = \"shop\"; stores = [ \"nsa\" ]; }; };",
     ":4: job \"j\": there is no store \"nsa\"\nhint: did you mean \"nas\"?"},
    {"the same store twice",
     SHOP NAS "jobs: { j: { source = \"shop\"; stores = [ \"nas\", \"nas\" ]; }; };",
     ":4: job \"j\": the same store twice"},
    {"unknown policy",
     SHOP NAS
     "jobs: { j: { source = \"shop\"; stores = [ \"nas\" ];\n retention = \"p\"; }; };",
     ":5: job \"j\": there is no policy \"p\""},
    {"retention of a store that the job has not",
     SHOP NAS
     "policies: { p: {}; };\njobs: { j: { source = \"shop\"; stores = [ \"nas\" ];\n "
     "store_retention: { off = \"p\"; }; }; };",
     ":6: job \"j\": \"store_retention\" names \"off\", which is none of its stores"},
    {"unknown policy of a store",
     SHOP NAS
     "jobs: { j: { source = \"shop\"; stores = [ \"nas\" ]; store_retention: { nas = "
     "\"p\"; }; }; };",
     ":4: job \"j\": there is no policy \"p\""},
    {"more copies than stores",
     SHOP NAS
     "jobs: { j: { source = \"shop\"; stores = [ \"nas\" ];\n min_copies = 2; }; };",
     ":5: job \"j\": \"min_copies\" is more than there are stores"},
};

START_TEST(what_does_not_fit_together_is_refused_with_its_line)
{
    struct settings settings;
    struct err err = {0};
    ck_assert_msg(load(&settings, bad[_i].text, list, &err) == -1, "%s", bad[_i].claim);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    char *expected = memory_format("%s%s", config_path, bad[_i].error);
    ck_assert_str_eq(err.text, expected);
    free(expected);
    settings_release(&settings);
}
END_TEST

/* The file of PRODUCT section 3. */
static const char product[] =
    "catalog = \"/var/lib/pgkeep/catalog.db\";\n"
    "sources: { shop: { conninfo = \"host=db.internal dbname=shop user=backup\"; "
    "exclude_table_data = [ \"public.sessions\" ]; };\n"
    "           cluster: { conninfo = \"host=db2 user=backup\"; databases = [ \"*\" ]; "
    "exclude_databases = [ \"template*\" ]; globals = true; }; };\n"
    "stores:  { nas: { type = \"dir\"; path = \"/srv/backups\"; };\n"
    "           offsite: { type = \"s3\"; endpoint = "
    "\"https://s3.eu-central-1.amazonaws.com\"; "
    "region = \"eu-central-1\"; bucket = \"acme-pg\"; prefix = \"prod/\"; };\n"
    "           minio: { type = \"s3\"; endpoint = \"http://127.0.0.1:9000\"; bucket = "
    "\"pg\"; "
    "path_style = true; access_key_env = \"MINIO_KEY\"; secret_key_env = \"MINIO_SECRET\"; "
    "}; };\n"
    "policies: { standard: { keep_last = 3; keep_daily = 7; keep_weekly = 4; keep_monthly "
    "= 12; "
    "timezone = \"Europe/Berlin\"; };\n"
    "            local_short: { keep_days = 3; min_keep = 2; }; };\n"
    "jobs:    { nightly: { source = \"shop\"; stores = [ \"nas\", \"offsite\" ]; compress "
    "= "
    "\"gzip\"; parallel = 4; min_copies = 1;\n"
    "                      retention = \"standard\"; store_retention: { nas = "
    "\"local_short\"; "
    "}; }; };\n";

START_TEST(the_file_of_the_contract_loads)
{
    struct settings settings;
    struct err err = {0};
    ck_assert_msg(load(&settings, product, list, &err) == 0, "%s", err.text);
    const struct source_settings *cluster = settings_source(&settings, "cluster");
    const struct store_settings *minio = settings_store(&settings, "minio");
    const struct store_settings *offsite = settings_store(&settings, "offsite");
    const struct policy_settings *policy = settings_policy(&settings, "standard");
    const struct job_settings *job = settings_job(&settings, "nightly");
    ck_assert_str_eq(settings.catalog, "/var/lib/pgkeep/catalog.db");
    ck_assert_uint_eq(settings.part_budget, 96U << 20);
    ck_assert_uint_eq(settings.source_count, 2);
    ck_assert(cluster->globals);
    ck_assert_str_eq(cluster->exclude_databases.items[0], "template*");
    ck_assert_int_eq(cluster->lock_wait_timeout_s, 60);
    ck_assert_int_eq(minio->style, STORE_STYLE_PATH);
    ck_assert_str_eq(minio->prefix, "");
    ck_assert_str_eq(minio->secret_key_env, "MINIO_SECRET");
    ck_assert_ptr_null(minio->secret_key.text);
    ck_assert_int_eq(offsite->style, STORE_STYLE_AUTO);
    ck_assert_str_eq(offsite->prefix, "prod/");
    ck_assert_int_eq(offsite->retry_time_s, 1800);
    ck_assert_uint_eq(policy->keys.count, 5);
    ck_assert_str_eq(policy->keys.items[4], "timezone");
    ck_assert_str_eq(policy->values.items[4], "Europe/Berlin");
    ck_assert_int_eq(job->codec.kind, CODEC_GZIP);
    ck_assert_int_eq(job->parallel, 4);
    ck_assert_int_eq(job->type, DUMP_FULL);
    ck_assert_str_eq(job->retention, "standard");
    ck_assert_str_eq(job->store_retention_policies.items[0], "local_short");
    ck_assert_ptr_null(settings_job(&settings, "weekly"));
    settings_release(&settings);
}
END_TEST

static const struct settings_value *value(const struct settings *settings,
                                          const char *section, const char *key)
{
    for (size_t i = 0; i < settings->value_count; i++) {
        const struct settings_value *v = &settings->values[i];
        bool same = section ? v->section && strcmp(v->section, section) == 0 : !v->section;
        if (same && strcmp(v->option->key, key) == 0)
            return v;
    }
    ck_abort_msg("no value of %s", key);
    return NULL;
}

START_TEST(later_places_win_and_every_value_knows_its_origin)
{
    static const char *const words[] = {"list", "--log-format", "journal", "-v", NULL};
    struct settings settings;
    struct err err = {0};
    ck_assert_int_eq(setenv("PGKEEP_CATALOG", "/env.db", 1), 0);
    ck_assert_int_eq(setenv("PGKEEP_LOG_FORMAT", "json", 1), 0);
    int result = load(&settings,
                      "catalog = \"/file.db\"; part_budget = \"64MiB\";\n"
                      "log_level = \"error\"; log_format = \"text\";",
                      words, &err);
    ck_assert_int_eq(unsetenv("PGKEEP_CATALOG"), 0);
    ck_assert_int_eq(unsetenv("PGKEEP_LOG_FORMAT"), 0);
    ck_assert_msg(result == 0, "%s", err.text);
    ck_assert_str_eq(settings.catalog, "/env.db");
    ck_assert_uint_eq(settings.part_budget, 64U << 20);
    ck_assert_int_eq(settings.log_format, LOG_FORMAT_JOURNAL);
    ck_assert_int_eq(settings.log_level, LOG_LEVEL_DEBUG);
    ck_assert_str_eq(value(&settings, NULL, "catalog")->origin, "PGKEEP_CATALOG");
    ck_assert_str_eq(value(&settings, NULL, "log_format")->origin, "--log-format");
    ck_assert_str_eq(value(&settings, NULL, "log_level")->origin, "--verbose");
    ck_assert_str_eq(value(&settings, NULL, "progress")->origin, "default");
    char *line = memory_format("%s:1", config_path);
    ck_assert_str_eq(value(&settings, NULL, "part_budget")->origin, line);
    free(line);
    settings_release(&settings);
}
END_TEST

START_TEST(arguments_change_only_the_jobs_that_are_named)
{
    static const char text[] = SHOP NAS
        "jobs: { a: { source = \"shop\"; stores = [ \"nas\", \"off\" ]; tags = [ \"x=1\", "
        "\"y=2\" ]; }; b: { source = \"shop\"; stores = [ \"nas\" ]; }; };";
    static const char *const words[] = {
        "backup",  "a",  "--compress=zstd:3", "--min-copies=2", "--tag=x=9", "--tag", "z=3",
        "--table", "t1", "--table=t2",        "--limit-rate",   "5MiB",      NULL};
    struct settings settings;
    struct err err = {0};
    ck_assert_msg(load(&settings, text, words, &err) == 0, "%s", err.text);
    const struct job_settings *a = settings_job(&settings, "a");
    const struct job_settings *b = settings_job(&settings, "b");
    ck_assert_int_eq(a->codec.kind, CODEC_ZSTD);
    ck_assert_int_eq(a->min_copies, 2);
    ck_assert_uint_eq(a->tags.count, 3);
    ck_assert_str_eq(a->tags.items[0], "x=9");
    ck_assert_str_eq(a->tags.items[2], "z=3");
    ck_assert_int_eq(b->codec.kind, CODEC_GZIP);
    ck_assert_int_eq(b->min_copies, 1);
    ck_assert_uint_eq(settings_source(&settings, "shop")->filters.tables.count, 2);
    ck_assert_uint_eq(settings_store(&settings, "off")->limit_rate, 5U << 20);
    ck_assert_uint_eq(settings_store(&settings, "nas")->limit_rate, 0);
    settings_release(&settings);
}
END_TEST

START_TEST(an_impossible_argument_is_a_usage_error)
{
    static const char text[] =
        SHOP NAS "jobs: { a: { source = \"shop\"; stores = [ \"nas\" ]; }; };";
    static const char *const words[] = {"backup", "a", "--min-copies=2", NULL};
    struct settings settings;
    struct err err = {0};
    ck_assert_int_eq(load(&settings, text, words, &err), -1);
    ck_assert_int_eq(err.kind, ERR_USAGE);
    ck_assert_str_eq(
        err.text, "--min-copies: job \"a\": \"min_copies\" is more than there are stores");
    settings_release(&settings);
}
END_TEST

START_TEST(an_ad_hoc_backup_needs_no_file)
{
    static const char *const words[] = {
        "backup",         "--source",          "host=h password=hunter2",
        "--store",        "s3://b/p?region=r", "--store=dir:/srv",
        "--min-copies=2", "--compress=none",   NULL};
    struct settings settings;
    struct err err = {0};
    ck_assert_msg(load(&settings, NULL, words, &err) == 0, "%s", err.text);
    ck_assert(settings.adhoc);
    const struct job_settings *job = settings_job(&settings, SETTINGS_ADHOC);
    ck_assert_str_eq(job->source, "adhoc");
    ck_assert_uint_eq(job->stores.count, 2);
    ck_assert_str_eq(job->stores.items[0], "s3://b/p");
    ck_assert_str_eq(job->stores.items[1], "dir:/srv");
    ck_assert_int_eq(job->min_copies, 2);
    ck_assert_int_eq(job->codec.kind, CODEC_NONE);
    ck_assert_str_eq(settings_source(&settings, "adhoc")->conninfo.text,
                     "host=h password=hunter2");
    ck_assert_str_eq(settings_store(&settings, "s3://b/p")->region, "r");
    ck_assert_int_eq(settings_store(&settings, "s3://b/p")->retry_time_s, 1800);
    settings_release(&settings);
}
END_TEST

static const struct {
    const char *words[WORDS_MAX];
    const char *error;
} bad_adhoc[] = {
    {{"backup", "--source", "h"}, "--source and --store are needed together"},
    {{"backup", "--store", "dir:/x"}, "--source and --store are needed together"},
    {{"backup", "j", "--source", "h", "--store", "dir:/x"},
     "either jobs or --source and --store, not both"},
    {{"backup", "--source", "h", "--store", "dir:/x", "--store", "dir:/x/"},
     "--store: dir:/x is given twice"},
    {{"backup", "--source", "h", "--store", "ftp://x"},
     "store URL: it must begin with s3:// or dir:\nhint: as "
     "s3://BUCKET/PREFIX?endpoint=URL&region=NAME or dir:/FOLDER"},
    {{"backup", "--source", "h", "--store", "s3://b?path=/x"},
     "--store: store \"s3://b\": \"path\" is not a key of a store of type \"s3\""},
    {{"backup", "--source", "h", "--store", "dir:/x", "--min-copies", "2"},
     "--min-copies: job \"adhoc\": \"min_copies\" is more than there are stores"},
    {{"list", "-q", "-v"}, "--quiet and --verbose exclude each other"},
};

START_TEST(a_wrong_ad_hoc_line_is_a_usage_error)
{
    struct settings settings;
    struct err err = {0};
    ck_assert_int_eq(load(&settings, NULL, bad_adhoc[_i].words, &err), -1);
    ck_assert_int_eq(err.kind, ERR_USAGE);
    ck_assert_str_eq(err.text, bad_adhoc[_i].error);
    settings_release(&settings);
}
END_TEST

START_TEST(a_bad_variable_is_a_config_error)
{
    struct settings settings;
    struct err err = {0};
    ck_assert_int_eq(setenv("PGKEEP_PART_BUDGET", "lots", 1), 0);
    int result = load(&settings, NULL, list, &err);
    ck_assert_int_eq(unsetenv("PGKEEP_PART_BUDGET"), 0);
    ck_assert_int_eq(result, -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert_str_eq(err.text, "PGKEEP_PART_BUDGET must be a size as 512MiB or 20GiB from "
                               "16MiB to 64GiB, not \"lots\"");
    settings_release(&settings);
}
END_TEST

START_TEST(no_value_shows_a_secret)
{
    static const char text[] =
        "sources: { s: { conninfo = \"host=h password=hunter2\"; };\n"
        " t: { conninfo = \"postgresql://u@h/d\"; password = \"hunter2\"; }; };\n"
        "stores: { o: { type = \"s3\"; bucket = \"b\"; access_key = \"hunter2\"; "
        "secret_key = "
        "\"hunter2\"; session_token = \"hunter2\"; proxy = \"http://u:hunter2@p:1\"; }; "
        "};\n";
    struct settings settings;
    struct err err = {0};
    ck_assert_msg(load(&settings, text, list, &err) == 0, "%s", err.text);
    for (size_t i = 0; i < settings.value_count; i++)
        ck_assert_ptr_null(strstr(settings.values[i].text, "hunter2"));
    ck_assert_str_eq(value(&settings, "o", "secret_key")->text, "(hidden)");
    ck_assert_str_eq(value(&settings, "s", "conninfo")->text, "password=*** host=h");
    ck_assert_str_eq(settings_store(&settings, "o")->secret_key.text, "hunter2");
    settings_release(&settings);
}
END_TEST

START_TEST(secrets_are_fetched_only_when_asked_for)
{
    char *path = memory_format("%s/secret", folder);
    char *text =
        memory_format("sources: { s: { conninfo = \"d\"; password_file = \"%s\"; }; };\n"
                      "stores: { o: { type = \"s3\"; bucket = \"b\"; access_key_env = "
                      "\"PGKEEP_TEST_NONE\"; "
                      "secret_key_env = \"PGKEEP_TEST_NONE\"; }; };\n",
                      path);
    struct store_secrets secrets;
    struct secret password = {0};
    struct settings settings;
    struct err err = {0};
    ck_assert_msg(load(&settings, text, list, &err) == 0, "%s", err.text);
    ck_assert_int_eq(resolve_store(settings_store(&settings, "o"), &secrets, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert_str_eq(err.text, "store \"o\": environment variable PGKEEP_TEST_NONE "
                               "(access_key_env) is not set");
    ck_assert_int_eq(resolve_source(settings_source(&settings, "s"), &password, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert(text_starts_with(err.text, "source \"s\": password_file: "));
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    ck_assert_int_eq(write(fd, "\nhunter2\n", 9), 9);
    ck_assert_int_eq(resolve_source(settings_source(&settings, "s"), &password, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "the first line of"));
    ck_assert_int_eq(pwrite(fd, "hunter2\r\nrest\n", 14, 0), 14);
    ck_assert_int_eq(resolve_source(settings_source(&settings, "s"), &password, &err), 0);
    ck_assert_str_eq(password.text, "hunter2");
    secret_release(&password);

    /* As with a secret in the configuration: the group may, everybody may not. */
    ck_assert_int_eq(fchmod(fd, 0640), 0);
    ck_assert_int_eq(resolve_source(settings_source(&settings, "s"), &password, &err), 0);
    secret_release(&password);
    ck_assert_int_eq(fchmod(fd, 0644), 0);
    ck_assert_int_eq(resolve_source(settings_source(&settings, "s"), &password, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert_ptr_nonnull(
        strstr(err.text, "source \"s\": password_file: every user can read "));
    ck_assert_ptr_nonnull(strstr(err.text, "(mode 0644)\nhint: chmod o-rwx "));
    (void)close(fd);
    settings_release(&settings);
    free(text);
    free(path);
}
END_TEST

START_TEST(an_unknown_name_is_a_config_error_with_a_hint)
{
    struct settings settings;
    struct err err = {0};
    ck_assert_int_eq(load(&settings, product, list, &err), 0);
    ck_assert_ptr_null(settings_require_job(&settings, "nigthly", &err));
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    char *expected = memory_format(
        "no job \"nigthly\" in %s\nhint: did you mean \"nightly\"?", config_path);
    ck_assert_str_eq(err.text, expected);
    free(expected);
    ck_assert_ptr_null(settings_require_store(&settings, "zzzzzzzzz", &err));
    ck_assert_ptr_nonnull(strstr(err.text, "known stores: nas, offsite, minio"));
    ck_assert_ptr_nonnull(settings_require_source(&settings, "shop", &err));
    settings_release(&settings);
}
END_TEST

START_TEST(the_default_catalog_is_the_users_own)
{
    char *path = settings_default_catalog();
    if (geteuid() == 0) {
        ck_assert_str_eq(path, "/var/lib/pgkeep/catalog.db");
    } else {
        free(path);
        ck_assert_int_eq(setenv("XDG_STATE_HOME", "/state", 1), 0);
        path = settings_default_catalog();
        ck_assert_str_eq(path, "/state/pgkeep/catalog.db");
        free(path);
        ck_assert_int_eq(unsetenv("XDG_STATE_HOME"), 0);
        ck_assert_int_eq(setenv("HOME", "/home/u", 1), 0);
        path = settings_default_catalog();
        ck_assert_str_eq(path, "/home/u/.local/state/pgkeep/catalog.db");
    }
    free(path);
}
END_TEST

START_TEST(a_mistyped_connection_string_is_refused_and_never_quoted)
{
    static const struct {
        const char *text, *words[WORDS_MAX];
        enum err_kind kind;
    } rows[] = {
        {"sources: { a: { conninfo = \"postgresql+psycopg2://u:hunter2@h/d\"; }; };",
         {"list"},
         ERR_CONFIG},
        {"sources: { a: { conninfo = \"\\\"postgresql://u:hunter2@h/d\\\"\"; }; };",
         {"list"},
         ERR_CONFIG},
        {"sources: { a: { conninfo = \"host=h\"; databases = [ \"u:hunter2@h\" ]; }; };",
         {"list"},
         ERR_CONFIG},
        {"jobs: { a: { source = \"u:hunter2@h\"; stores = [ \"x\" ]; }; };",
         {"list"},
         ERR_CONFIG},
        {"catalog = \"postgresql://u:hunter2@h/d\";", {"list"}, ERR_CONFIG},
        {NULL, {"backup", "--source", "u:hunter2@h/d", "--store", "dir:/x"}, ERR_USAGE},
        {NULL, {"doctor", "--source", "postgresql://u:hunter2/x@h/d"}, ERR_USAGE},
        {NULL, {"doctor", "--store", "postgresql://u:hunter2@h/d"}, ERR_USAGE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct settings settings;
        struct err err = {0};
        ck_assert_int_eq(load(&settings, rows[i].text, rows[i].words, &err), -1);
        ck_assert_msg(err.kind == rows[i].kind, "%s", err.text);
        ck_assert_msg(!strstr(err.text, "hunter2"), "%s", err.text);
        settings_release(&settings);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings");
    TCase *tcase = tcase_create("settings");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, what_does_not_fit_together_is_refused_with_its_line, 0,
                        (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_test(tcase, the_file_of_the_contract_loads);
    tcase_add_test(tcase, later_places_win_and_every_value_knows_its_origin);
    tcase_add_test(tcase, arguments_change_only_the_jobs_that_are_named);
    tcase_add_test(tcase, an_impossible_argument_is_a_usage_error);
    tcase_add_test(tcase, an_ad_hoc_backup_needs_no_file);
    tcase_add_loop_test(tcase, a_wrong_ad_hoc_line_is_a_usage_error, 0,
                        (int)(sizeof(bad_adhoc) / sizeof(bad_adhoc[0])));
    tcase_add_test(tcase, a_bad_variable_is_a_config_error);
    tcase_add_test(tcase, no_value_shows_a_secret);
    tcase_add_test(tcase, secrets_are_fetched_only_when_asked_for);
    tcase_add_test(tcase, an_unknown_name_is_a_config_error_with_a_hint);
    tcase_add_test(tcase, the_default_catalog_is_the_users_own);
    tcase_add_test(tcase, a_mistyped_connection_string_is_refused_and_never_quoted);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
