#include "tests/support/captured.h"

#include <check.h>
#include <unistd.h>

static FILE *heard;
static int real_stderr;

void captured_begin(void)
{
    heard = tmpfile();
    ck_assert_ptr_nonnull(heard);
    (void)fflush(stderr);
    real_stderr = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(fileno(heard), STDERR_FILENO), 0);
}

void captured_end(struct text *out)
{
    char buffer[4096];
    (void)fflush(stderr);
    ck_assert_int_ge(dup2(real_stderr, STDERR_FILENO), 0);
    (void)close(real_stderr);
    text_init(out, 1 << 20);
    rewind(heard);
    for (size_t size; (size = fread(buffer, 1, sizeof buffer, heard)) > 0;)
        text_add_bytes(out, buffer, size);
    (void)fclose(heard);
}
