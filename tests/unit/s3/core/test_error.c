#include "s3/core/error.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <curl/curl.h>

START_TEST(answers_fall_into_their_classes)
{
    static const struct {
        int status;
        const char *code;
        enum s3_class class_;
        enum err_kind kind;
    } rows[] = {
        {500, "InternalError", S3_CLASS_TRANSIENT, ERR_TRANSIENT},
        {400, "RequestTimeout", S3_CLASS_TRANSIENT, ERR_TRANSIENT},
        {409, "OperationAborted", S3_CLASS_TRANSIENT, ERR_TRANSIENT},
        {499, "ClientDisconnected", S3_CLASS_TRANSIENT, ERR_TRANSIENT},
        {502, "", S3_CLASS_TRANSIENT, ERR_TRANSIENT},
        {504, "", S3_CLASS_TRANSIENT, ERR_TRANSIENT},
        {509, "", S3_CLASS_TRANSIENT, ERR_TRANSIENT},
        {522, "", S3_CLASS_TRANSIENT, ERR_TRANSIENT},
        {408, "", S3_CLASS_TRANSIENT, ERR_TRANSIENT},
        {503, "SlowDown", S3_CLASS_THROTTLE, ERR_TRANSIENT},
        {429, "SlowDown", S3_CLASS_THROTTLE, ERR_TRANSIENT},
        {429, "TooManyRequests", S3_CLASS_THROTTLE, ERR_TRANSIENT},
        {429, "", S3_CLASS_THROTTLE, ERR_TRANSIENT},
        {503, "Unavailable", S3_CLASS_THROTTLE, ERR_TRANSIENT},
        {403, "RequestTimeTooSkewed", S3_CLASS_CLOCK, ERR_DENIED},
        {400, "ExpiredToken", S3_CLASS_CREDENTIALS, ERR_DENIED},
        {400, "BadDigest", S3_CLASS_DAMAGED, ERR_CORRUPT},
        {400, "XAmzContentChecksumMismatch", S3_CLASS_DAMAGED, ERR_CORRUPT},
        {301, "PermanentRedirect", S3_CLASS_REDIRECT, ERR_STORE},
        {307, "", S3_CLASS_REDIRECT, ERR_STORE},
        {400, "AuthorizationHeaderMalformed", S3_CLASS_REDIRECT, ERR_CONFIG},
        {403, "AccessDenied", S3_CLASS_PERMANENT, ERR_DENIED},
        {403, "SignatureDoesNotMatch", S3_CLASS_PERMANENT, ERR_DENIED},
        {404, "XAdminUserNotFound", S3_CLASS_PERMANENT, ERR_DENIED},
        {404, "NoSuchBucket", S3_CLASS_PERMANENT, ERR_STORE},
        {404, "NoSuchKey", S3_CLASS_PERMANENT, ERR_NOT_FOUND},
        {404, "", S3_CLASS_PERMANENT, ERR_NOT_FOUND},
        {400, "EntityTooLarge", S3_CLASS_PERMANENT, ERR_STORE},
        {400, "InvalidPart", S3_CLASS_PERMANENT, ERR_STORE},
        {501, "NotImplemented", S3_CLASS_PERMANENT, ERR_STORE},
        {507, "", S3_CLASS_PERMANENT, ERR_STORE},
        {412, "PreconditionFailed", S3_CLASS_PERMANENT, ERR_STORE},
        {200, "InternalError", S3_CLASS_TRANSIENT, ERR_TRANSIENT},
        {200, "SlowDown", S3_CLASS_THROTTLE, ERR_TRANSIENT},
        {200, "AccessDenied", S3_CLASS_PERMANENT, ERR_DENIED},
        {200, "InvalidPart", S3_CLASS_PERMANENT, ERR_STORE},
        {200, "", S3_CLASS_TRANSIENT, ERR_TRANSIENT},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_verdict verdict = s3_error_of_answer(rows[i].status, rows[i].code);
        ck_assert_msg(verdict.class_ == rows[i].class_ && verdict.kind == rows[i].kind,
                      "%d %s: class %d, kind %d", rows[i].status, rows[i].code,
                      (int)verdict.class_, (int)verdict.kind);
    }
}
END_TEST

START_TEST(transport_failures_are_repeated_and_our_own_are_not)
{
    static const struct {
        int code;
        enum s3_class class_;
    } rows[] = {
        {CURLE_COULDNT_RESOLVE_HOST, S3_CLASS_NAME},
        {CURLE_COULDNT_CONNECT, S3_CLASS_TRANSIENT},
        {CURLE_PARTIAL_FILE, S3_CLASS_TRANSIENT},
        {CURLE_OPERATION_TIMEDOUT, S3_CLASS_TRANSIENT},
        {CURLE_SSL_CONNECT_ERROR, S3_CLASS_NAME},
        {CURLE_GOT_NOTHING, S3_CLASS_TRANSIENT},
        {CURLE_SEND_ERROR, S3_CLASS_TRANSIENT},
        {CURLE_RECV_ERROR, S3_CLASS_TRANSIENT},
        {CURLE_PEER_FAILED_VERIFICATION, S3_CLASS_PERMANENT},
        {CURLE_WRITE_ERROR, S3_CLASS_PERMANENT},
        {CURLE_ABORTED_BY_CALLBACK, S3_CLASS_PERMANENT},
        {CURLE_OUT_OF_MEMORY, S3_CLASS_PERMANENT},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_int_eq(s3_error_of_curl(rows[i].code).class_, rows[i].class_);
}
END_TEST

START_TEST(what_cannot_have_arrived_is_certain)
{
    ck_assert(!s3_error_of_curl(CURLE_COULDNT_CONNECT).uncertain);
    ck_assert(!s3_error_of_curl(CURLE_COULDNT_RESOLVE_HOST).uncertain);
    ck_assert(!s3_error_of_answer(503, "SlowDown").uncertain);
    ck_assert(!s3_error_of_answer(403, "AccessDenied").uncertain);
    ck_assert(!s3_error_of_answer(400, "BadDigest").uncertain);
}
END_TEST

START_TEST(what_may_have_been_done_is_uncertain)
{
    ck_assert(s3_error_of_curl(CURLE_GOT_NOTHING).uncertain);
    ck_assert(s3_error_of_curl(CURLE_RECV_ERROR).uncertain);
    ck_assert(s3_error_of_answer(500, "InternalError").uncertain);
    ck_assert(s3_error_of_answer(200, "").uncertain);
    ck_assert(s3_error_of_answer(504, "").uncertain);
    ck_assert(s3_error_of_answer(599, "").uncertain);
}
END_TEST

START_TEST(an_error_is_one_sentence_with_all_that_helps)
{
    static const struct {
        struct s3_failure failure;
        enum s3_class class_;
        const char *text;
    } rows[] = {
        {{.what = "part 7",
          .status = 503,
          .code = "SlowDown",
          .message = "Reduce your request rate.",
          .request_id = "4442587FB7D0A2F9",
          .tries = 5,
          .elapsed_ms = 41000},
         S3_CLASS_THROTTLE,
         "part 7: the service answered 503 SlowDown: Reduce your request rate. (request id "
         "4442587FB7D0A2F9; 5 tries in 41s)"},
        {{.what = "PUT \"a\"",
          .status = 400,
          .code = "InvalidRequest",
          .message = "",
          .request_id = "",
          .tries = 1},
         S3_CLASS_PERMANENT,
         "PUT \"a\": the service answered 400 InvalidRequest"},
        {{.what = "PUT \"a\"",
          .transport = "Connection refused",
          .code = "",
          .message = "",
          .request_id = "",
          .tries = 2,
          .elapsed_ms = 400},
         S3_CLASS_TRANSIENT,
         "PUT \"a\": Connection refused (2 tries in 0.4s)"},
        {{.what = "x",
          .status = 400,
          .code = "Bad\nCode",
          .message = "\x1b[2J",
          .tries = 1},
         S3_CLASS_PERMANENT,
         "x: the service answered 400 Bad\\x0ACode: \\x1B[2J"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_verdict verdict = {.class_ = rows[i].class_, .kind = ERR_STORE};
        struct err err = {0};
        ck_assert_int_eq(s3_error_set(&err, &verdict, &rows[i].failure), -1);
        ck_assert_str_eq(err.text, rows[i].text);
        ck_assert_int_eq(err.kind, ERR_STORE);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error");
    TCase *tests = tcase_create("error");
    tcase_add_test(tests, answers_fall_into_their_classes);
    tcase_add_test(tests, transport_failures_are_repeated_and_our_own_are_not);
    tcase_add_test(tests, what_cannot_have_arrived_is_certain);
    tcase_add_test(tests, what_may_have_been_done_is_uncertain);
    tcase_add_test(tests, an_error_is_one_sentence_with_all_that_helps);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
