/*
 * aws_world - the surroundings of a credential source in a test: an environment without
 * AWS_*, a home folder of its own, a clock that stands still, and scripted endpoints.
 *
 *     tcase_add_checked_fixture(tcase, aws_world_set_up, aws_world_tear_down)
 *
 * Every proxy variable points to a port where nothing listens: what goes by a proxy fails.
 * Metadata is turned off. What is wrong ends the test. One test at a time.
 */
#ifndef PGKEEP_TESTS_AWS_WORLD_H
#define PGKEEP_TESTS_AWS_WORLD_H

#include "s3/auth/credentials.h"
#include "tests/support/fake_http.h"

#define AWS_WORLD_START 1800000000 /* 2027-01-15T08:00:00Z */
#define AWS_WORLD_WAIT_MS 5000

void aws_world_set_up(void);
void aws_world_tear_down(void);

void aws_world_advance(int64_t seconds);
void aws_world_file(const char *name, const char *text); /* in the home folder */
void aws_world_env(const char *pair);                    /* "NAME=value"; NULL: nothing */
void aws_world_env_path(const char *variable, const char *name); /* of a file there */
void aws_world_env_url(const char *variable, const struct fake_http *http,
                       const char *path);

struct fake_http *aws_world_serve(const struct fake_http_row *rows, size_t count) MUST_USE;
void aws_world_wait(struct fake_http *http, unsigned count); /* for requests */

/* On the clock of this world. */
struct s3_credentials_source *aws_world_source(const char *profile) MUST_USE;
/* What get gives as "access/secret/token"; heap. */
char *aws_world_get(struct s3_credentials_source *source) MUST_USE;
void aws_world_expect(struct s3_credentials_source *source, const char *want);
void aws_world_expect_error(struct s3_credentials_source *source, enum err_kind kind,
                            const char *want);

/* Bodies for fake_http: keys K<clock mod 100000>, S or S/+, T or T==, that live
 * *(int64_t *)context seconds from now on. */
char *aws_world_json(void *context, const struct fake_http_request *request);
char *aws_world_sts(void *context, const struct fake_http_request *request);
extern int64_t aws_world_minute, aws_world_hour; /* contexts */

#endif
