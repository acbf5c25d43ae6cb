/*
 * s3_suite - what is claimed of S3 services and of our client, tried on a real one:
 *
 *     s3_suite SERVICE [GROUP...]     rgw, minio, versitygw or swift; groups of
 *                                     s3_suite_table.c, default: those that need no set-up
 *
 * On stdout "# bucket NAME", then a line per claim: "ok NAME", "not ok NAME" (then "# ..."
 * lines). Exit status 1 when one failed. Makes buckets of its own, with a random part in
 * their names, and leaves them.
 *
 * Environment: S3_BUCKET (use this one, make none), S3_ENDPOINT, S3_REGION, S3_CA (PEM),
 * S3_STYLE (path, virtual), AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
 */
#include "tests/support/s3_suite.h"

#include "base/cancel.h"
#include "base/digest.h"
#include "base/memory.h"

#include <sys/random.h>

static const struct {
    const char *name, *provider;
    bool versions, locks;
} services[S3_SUITE_SERVICES] = {
    [S3_SUITE_RGW] = {"rgw", "ceph", true, true},
    [S3_SUITE_MINIO] = {"minio", "minio", true, true},
    [S3_SUITE_VERSITYGW] = {"versitygw", "versitygw", true, true},
    [S3_SUITE_SWIFT] = {"swift", "other", true, false},
};

static const char *environment(const char *name, const char *default_value)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0' ? value : default_value;
}

static int find_service(struct s3_suite *suite, const char *name)
{
    for (size_t i = 0; i < S3_SUITE_SERVICES; i++) {
        if (strcmp(services[i].name, name) == 0) {
            suite->which = (enum s3_suite_service)i;
            suite->provider = services[i].provider;
            return 0;
        }
    }
    return -1;
}

static void read_environment(struct s3_suite *suite)
{
    suite->service = (struct s3_raw_service){
        .endpoint = environment("S3_ENDPOINT", "http://127.0.0.1:9000"),
        .region = environment("S3_REGION", "us-east-1"),
        .access_key = environment("AWS_ACCESS_KEY_ID", ""),
        .secret_key = environment("AWS_SECRET_ACCESS_KEY", ""),
        .ca_file = environment("S3_CA", NULL),
        .virtual_host = strcmp(environment("S3_STYLE", "path"), "virtual") == 0,
    };
}

/* ---- buckets ---- */

static int expect_2xx(struct s3_suite *suite, const struct s3_raw *raw, const char *what)
{
    struct s3_raw_reply reply;

    s3_raw_ask(&suite->service, raw, &reply);
    bool good = reply.status >= 200 && reply.status < 300;
    if (!good)
        fprintf(stderr, "# %s: %d %s\n", what, reply.status, reply.body.data);
    s3_raw_release(&reply);
    return good ? 0 : -1;
}

static int make_bucket(struct s3_suite *suite, const char *name, const char *header)
{
    struct s3_raw raw = {.method = "PUT", .bucket = name, .headers = {header}};

    return expect_2xx(suite, &raw, name);
}

static int make_versioned(struct s3_suite *suite)
{
    static const char body[] =
        "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<Status>Enabled</Status></VersioningConfiguration>";
    struct s3_raw raw = {.method = "PUT",
                         .bucket = suite->versioned,
                         .query = "versioning=",
                         .body = body,
                         .size = sizeof body - 1};

    if (make_bucket(suite, suite->versioned, NULL) < 0)
        return -1;
    return expect_2xx(suite, &raw, "versioning");
}

static int make_buckets(struct s3_suite *suite)
{
    unsigned char random[4];
    char hex[2 * sizeof random + 1];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return -1;
    digest_hex(random, sizeof random, hex);
    snprintf(suite->plain, sizeof suite->plain, "plain-%s", hex);
    snprintf(suite->versioned, sizeof suite->versioned, "versioned-%s", hex);
    snprintf(suite->locked, sizeof suite->locked, "locked-%s", hex);
    if (make_bucket(suite, suite->plain, NULL) < 0)
        return -1;
    if (services[suite->which].versions && make_versioned(suite) < 0)
        return -1;
    if (!services[suite->which].locks)
        return 0;
    return make_bucket(suite, suite->locked, "x-amz-bucket-object-lock-enabled: true");
}

/* ---- claims ---- */

static bool is_chosen(const struct s3_claim *claim, char **groups)
{
    if (*groups == NULL)
        return claim->group[0] != '-';
    for (; *groups != NULL; groups++)
        if (strcmp(*groups, claim->group + (claim->group[0] == '-')) == 0)
            return true;
    return false;
}

static bool check_claim(struct s3_suite *suite, const struct s3_claim *claim)
{
    const char *expected = claim->expected[suite->which];
    struct text answer;

    text_init(&answer, 4000);
    suite->note[0] = '\0';
    claim->run(suite, &answer);
    bool good = strcmp(answer.data, expected) == 0;
    printf("%s %s: %s\n", good ? "ok" : "not ok", claim->name, expected);
    if (!good)
        printf("# instead: %s\n# %s\n", answer.data, suite->note);
    fflush(stdout);
    text_release(&answer);
    return good;
}

static int check_claims(struct s3_suite *suite, char **groups)
{
    unsigned failed = 0, checked = 0;

    printf("# bucket %s\n", suite->plain);
    for (const struct s3_claim *claim = s3_suite_table; claim->name != NULL; claim++) {
        if (claim->expected[suite->which] == NULL || !is_chosen(claim, groups))
            continue;
        checked++;
        failed += !check_claim(suite, claim);
    }
    if (checked == 0)
        fprintf(stderr, "s3_suite: nothing to check\n");
    return failed == 0 && checked > 0 ? 0 : 1;
}

static int connect_and_run(struct s3_suite *suite, char **argv)
{
    bool dies = argv[2] != NULL && strcmp(argv[2], "--die") == 0;
    const char *given = environment("S3_BUCKET", NULL);
    struct text answer;

    text_init(&answer, 1000);
    if (dies || given != NULL)
        snprintf(suite->plain, sizeof suite->plain, "%s", dies ? argv[3] : given);
    else if (make_buckets(suite) < 0)
        return 1;
    suite->client = s3_suite_connect(suite, suite->plain, &answer);
    int status = 1;
    if (suite->client == NULL)
        fprintf(stderr, "# no client: %s\n", suite->note);
    else
        status = dies ? s3_suite_die(suite, argv[4]) : check_claims(suite, argv + 2);
    s3_client_free(suite->client);
    text_release(&answer);
    return status;
}

int main(int argc, char **argv)
{
    struct s3_suite suite = {.self = "/proc/self/exe"};
    struct err err = {0};

    if (argc < 2 || find_service(&suite, argv[1]) < 0 ||
        (argc > 2 && strcmp(argv[2], "--die") == 0 && argc != 5)) {
        fprintf(stderr, "usage: s3_suite rgw|minio|versitygw|swift [GROUP...]\n");
        return 2;
    }
    read_environment(&suite);
    if (cancel_install(&err) < 0 || s3_global_init(&err) < 0) {
        fprintf(stderr, "s3_suite: %s\n", err.text);
        return 1;
    }
    int status = connect_and_run(&suite, argv);
    s3_global_release();
    return status;
}
