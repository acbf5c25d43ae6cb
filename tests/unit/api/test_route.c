#include "api/route.h"

#include "api/http.h"
#include "tests/support/run_suite.h"

static const struct {
    const char *pattern, *path;
    bool fits;
    const char *segment;
} paths[] = {
    {"artifacts", "artifacts", true, NULL},
    {"artifacts", "artifacts/", false, NULL},
    {"artifacts", "artifact", false, NULL},
    {"artifacts/*", "artifacts/01JD", true, "01JD"},
    {"artifacts/*", "artifacts/", false, NULL},
    {"artifacts/*", "artifacts/a/b", false, NULL},
    {"jobs/*/run", "jobs/a.b/run", true, "a.b"},
    {"jobs/*/run", "jobs//run", false, NULL},
    {"jobs/*/run", "jobs/x/runs", false, NULL},
    {"status", "", false, NULL},
};

START_TEST(a_pattern_fits_its_paths_alone)
{
    char *segments[REQUEST_SEGMENTS] = {NULL};
    bool fits = route_fits(paths[_i].pattern, paths[_i].path, segments);
    ck_assert_int_eq(fits, paths[_i].fits);
    if (paths[_i].segment != NULL)
        ck_assert_str_eq(segments[0], paths[_i].segment);
    free(segments[0]);
}
END_TEST

static const struct {
    const char *host;
    bool known;
} hosts[] = {{"localhost", true},
             {"LOCALHOST:80", true},
             {"127.0.0.1:8432", true},
             {"[::1]:1", true},
             {"localhost.evil", false},
             {"127.0.0.1.evil", false},
             {"evil.example", false},
             {"localhost:80x", false},
             {"", false},
             {NULL, false}};

START_TEST(only_names_of_loopback_are_our_host)
{
    ck_assert_int_eq(http_knows_host(hosts[_i].host), hosts[_i].known);
}
END_TEST

static const char *no_parameter(void *where, const char *name)
{
    (void)where;
    (void)name;
    return NULL;
}

/* Refused before any catalog is opened: there are no settings here. */
START_TEST(no_route_but_the_log_in_answers_a_stranger)
{
    const struct route *route = &route_table[_i];
    struct access *access = access_new();
    struct access_session other;
    struct err err = {0};
    char path[64];
    (void)snprintf(path, sizeof path, "%s", route->pattern);
    for (char *p = path; *p != '\0'; p++)
        *p = *p == '*' ? '1' : *p;
    ck_assert_int_eq(access_log_in(access, 1, &other, &err), 0);
    bool writes = strcmp(route->method, "GET") != 0;
    ck_assert_int_eq((route->needs & ROUTE_OPEN) != 0,
                     strcmp(path, "session") == 0 && strcmp(route->method, "DELETE") != 0);
    if ((route->needs & ROUTE_OPEN) == 0) {
        static const char strange[] =
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        const char *const cookies[] = {NULL, "", strange, other.csrf};
        for (size_t i = 0; i < 4; i++) {
            struct request request = {.method = route->method,
                                      .path = path,
                                      .address = "x",
                                      .access = access,
                                      .cookie = cookies[i],
                                      .now = 2,
                                      .csrf = other.csrf,
                                      .parameter = no_parameter};
            route_answer(&request);
            ck_assert_uint_eq(request.status, 401);
            ck_assert_ptr_nonnull(json_object_get(request.document, "kind"));
            request_release(&request);
        }
    }
    /* Somebody who is logged in, whose page did not send the write. */
    if (writes && (route->needs & ROUTE_OPEN) == 0) {
        const char *const words[] = {NULL, "", other.cookie};
        for (size_t i = 0; i < 3; i++) {
            struct request request = {.method = route->method,
                                      .path = path,
                                      .address = "x",
                                      .access = access,
                                      .cookie = other.cookie,
                                      .now = 2,
                                      .csrf = words[i],
                                      .parameter = no_parameter};
            route_answer(&request);
            ck_assert_uint_eq(request.status, 403);
            request_release(&request);
        }
    }
    access_free(access);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("route");
    TCase *tcase = tcase_create("route");
    tcase_add_loop_test(tcase, a_pattern_fits_its_paths_alone, 0,
                        sizeof paths / sizeof *paths);
    tcase_add_loop_test(tcase, only_names_of_loopback_are_our_host, 0,
                        sizeof hosts / sizeof *hosts);
    tcase_add_loop_test(tcase, no_route_but_the_log_in_answers_a_stranger, 0,
                        (int)route_count);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
