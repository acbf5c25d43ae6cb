#define _GNU_SOURCE /* memmem */
#include "tests/support/fake_s3_internal.h"

#include "base/clock.h"
#include "base/parse.h"

#include <assert.h>
#include <errno.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PIECE ((size_t)256 << 10)

/* Bytes read; 0: the connection is over. */
static size_t receive(struct fake_link *link, void *out, size_t size)
{
    ssize_t got;

    do
        got = recv(link->fd, out, size, 0);
    while (got < 0 && errno == EINTR);
    return got > 0 ? (size_t)got : 0;
}

/* From the buffer first, then from the socket. */
static size_t take(struct fake_link *link, unsigned char *out, size_t size)
{
    size_t buffered = link->end - link->begin;

    if (buffered == 0)
        return receive(link, out, size);
    if (size > buffered)
        size = buffered;
    memcpy(out, link->buffer + link->begin, size);
    link->begin += size;
    return size;
}

static bool send_bytes(struct fake_link *link, const void *data, size_t size)
{
    const unsigned char *at = data;

    while (size > 0) {
        ssize_t sent = send(link->fd, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* ---- heads ---- */

/* Length of the head in the buffer with its empty line; 0: the connection is over. */
static size_t fill_head(struct fake_link *link)
{
    memmove(link->buffer, link->buffer + link->begin, link->end - link->begin);
    link->end -= link->begin;
    link->begin = 0;
    for (;;) {
        const unsigned char *blank = memmem(link->buffer, link->end, "\r\n\r\n", 4);
        if (blank != NULL)
            return (size_t)(blank - link->buffer) + 4;
        if (link->end == sizeof link->buffer)
            return 0;
        size_t got =
            receive(link, link->buffer + link->end, sizeof link->buffer - link->end);
        if (got == 0)
            return 0;
        link->end += got;
    }
}

static int read_length(struct fake_call *call)
{
    const char *encoding = fake_header(call, "Transfer-Encoding");
    const char *length = fake_header(call, "Content-Length");
    const char *expect = fake_header(call, "Expect");
    int64_t number = 0;
    struct err err;

    call->is_chunked = encoding != NULL;
    call->expects_continue = expect != NULL && strcasecmp(expect, "100-continue") == 0;
    if (length != NULL && parse_int(length, 0, INT64_MAX, &number, &err) < 0)
        return -1;
    call->content_length = (uint64_t)number;
    return 0;
}

bool fake_wire_head(struct fake_call *call)
{
    struct fake_link *link = call->link;
    size_t length = fill_head(link);

    if (length == 0)
        return false;
    char *head = memory_strndup((const char *)link->buffer, length - 2);
    link->begin = length;
    char *line_end = strstr(head, "\r\n");
    char *space = memchr(head, ' ', (size_t)(line_end - head));
    char *version =
        space != NULL ? memchr(space + 1, ' ', (size_t)(line_end - space - 1)) : NULL;
    bool good = version != NULL && text_starts_with(version, " HTTP/1.");
    if (good) {
        call->method = memory_strndup(head, (size_t)(space - head));
        call->target = memory_strndup(space + 1, (size_t)(version - space - 1));
        call->headers = memory_strdup(line_end + 2);
        call->http_1_0 = text_starts_with(version, " HTTP/1.0");
        good = read_length(call) == 0;
    }
    free(head);
    return good;
}

/* ---- bodies ---- */

struct hashes {
    struct digest md5;
    struct digest sha256;
    bool with_sha256;
    bool with_crc;
};

static void hashes_begin(struct hashes *hashes, struct fake_call *call)
{
    const char *payload = fake_header(call, "x-amz-content-sha256");

    hashes->with_sha256 = (payload != NULL && strlen(payload) == 64) ||
                          fake_header(call, "x-amz-checksum-sha256") != NULL;
    hashes->with_crc = fake_header(call, "x-amz-checksum-crc64nvme") != NULL;
    digest_init(&hashes->md5, DIGEST_MD5);
    if (hashes->with_sha256)
        digest_init(&hashes->sha256, DIGEST_SHA256);
}

static void hashes_add(struct hashes *hashes, struct fake_call *call, const void *data,
                       size_t size)
{
    digest_add(&hashes->md5, data, size);
    if (hashes->with_sha256)
        digest_add(&hashes->sha256, data, size);
    if (hashes->with_crc)
        call->crc64 = digest_crc64nvme(call->crc64, data, size);
}

static void hashes_finish(struct hashes *hashes, struct fake_call *call)
{
    digest_finish(&hashes->md5, call->md5);
    if (hashes->with_sha256)
        digest_finish(&hashes->sha256, call->sha256);
}

static bool continue_body(struct fake_call *call)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    bool wanted = call->expects_continue && !call->settings.no_100_continue &&
                  call->link->begin == call->link->end && call->content_length > 0;

    return !wanted || send_bytes(call->link, line, sizeof line - 1);
}

static bool read_pieces(struct fake_call *call, struct hashes *hashes, uint64_t limit,
                        unsigned char *piece)
{
    while (call->body_size < limit) {
        uint64_t left = limit - call->body_size;
        unsigned char *to = call->body != NULL ? call->body + call->body_size : piece;
        assert(to != NULL);
        size_t got = take(call->link, to, left < PIECE ? (size_t)left : PIECE);
        if (got == 0)
            return false;
        hashes_add(hashes, call, to, got);
        call->body_size += got;
    }
    return true;
}

bool fake_wire_body(struct fake_call *call, uint64_t limit)
{
    bool keep = !call->settings.sparse || (call->op != NULL && call->op->keeps_body);
    unsigned char *piece = NULL;
    struct hashes hashes;
    struct err err;

    if (!continue_body(call))
        return false;
    if (keep)
        call->body = memory_try((size_t)call->content_length + 1, &err);
    else
        piece = memory_alloc(PIECE);
    if (keep && call->body == NULL)
        return false;
    hashes_begin(&hashes, call);
    bool whole = read_pieces(
        call, &hashes, limit < call->content_length ? limit : call->content_length, piece);
    hashes_finish(&hashes, call);
    if (keep)
        call->body[call->body_size] = '\0';
    free(piece);
    return whole;
}

/* ---- answers ---- */

static const struct {
    int status;
    const char *words;
} statuses[] = {{200, "OK"},
                {204, "No Content"},
                {206, "Partial Content"},
                {301, "Moved Permanently"},
                {304, "Not Modified"},
                {400, "Bad Request"},
                {403, "Forbidden"},
                {404, "Not Found"},
                {405, "Method Not Allowed"},
                {409, "Conflict"},
                {411, "Length Required"},
                {412, "Precondition Failed"},
                {416, "Range Not Satisfiable"},
                {429, "Too Many Requests"},
                {500, "Internal Server Error"},
                {501, "Not Implemented"},
                {503, "Service Unavailable"}};

static const char *status_words(int status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].status == status)
            return statuses[i].words;
    return "Status";
}

static void add_http_date(struct text *out, int64_t seconds)
{
    time_t time = (time_t)seconds;
    struct tm tm;
    char date[64];

    gmtime_r(&time, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    text_addf(out, "Date: %s\r\n", date);
}

static bool has_length(const struct fake_call *call)
{
    return call->status != 204 && call->status != 304;
}

static void compose_head(struct fake_call *call, struct text *out)
{
    uint64_t size = call->has_data ? call->data_size : call->body_text.length;

    text_addf(out, "HTTP/1.1 %d %s\r\n", call->status, status_words(call->status));
    add_http_date(out, fake_now(call) + call->date_offset_s);
    text_addf(out, "Server: %s\r\nx-amz-request-id: REQUEST%u\r\n", call->settings.server,
              call->number);
    if (has_length(call))
        text_addf(out, "Content-Length: %llu\r\n", (unsigned long long)size);
    text_add_bytes(out, call->head.data, call->head.length);
    text_add(out, call->close ? "Connection: close\r\n\r\n" : "\r\n");
}

/* Sends what the limit still allows; false when it is reached or the client is gone. */
static bool send_limited(struct fake_call *call, const void *data, size_t size)
{
    bool all = call->limit == FAKE_NO_LIMIT || size <= call->limit;
    size_t now = all ? size : (size_t)call->limit;

    if (call->limit != FAKE_NO_LIMIT)
        call->limit -= now;
    return send_bytes(call->link, data, now) && all;
}

static bool send_zeroes(struct fake_call *call)
{
    unsigned char *piece = memory_zalloc(PIECE);
    bool good = true;

    for (uint64_t at = 0; good && at < call->data_size;) {
        uint64_t left = call->data_size - at;
        size_t size = left < PIECE ? (size_t)left : PIECE;
        bool here = call->flips && call->flip_at >= at && call->flip_at < at + size;
        if (here)
            piece[call->flip_at - at] = 1;
        good = send_limited(call, piece, size);
        if (here)
            piece[call->flip_at - at] = 0;
        at += size;
    }
    free(piece);
    return good;
}

static bool send_body(struct fake_call *call)
{
    if (strcmp(call->method, "HEAD") == 0 || !has_length(call))
        return true;
    if (!call->has_data)
        return send_limited(call, call->body_text.data, call->body_text.length);
    if (call->data == NULL)
        return send_zeroes(call);
    return send_limited(call, call->data, (size_t)call->data_size);
}

bool fake_wire_answer(struct fake_call *call)
{
    struct text head;

    call->close = call->close || call->settings.close_each || call->http_1_0;
    text_init(&head, FAKE_BUFFER_SIZE);
    compose_head(call, &head);
    if (call->limit_is_body)
        call->limit += head.length;
    bool cut = call->limit != FAKE_NO_LIMIT;
    bool good = send_limited(call, head.data, head.length) && send_body(call);
    text_release(&head);
    return good && !cut && !call->close;
}

void fake_wire_close(struct fake_link *link, bool reset)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    pthread_mutex_lock(&link->fake->lock);
    if (link->fd >= 0) {
        if (reset)
            (void)setsockopt(link->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        close(link->fd);
    }
    link->fd = -1;
    pthread_mutex_unlock(&link->fake->lock);
}

void fake_wire_linger(struct fake_link *link)
{
    struct timeval patience = {.tv_usec = 500000};

    shutdown(link->fd, SHUT_WR);
    (void)setsockopt(link->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (unsigned i = 0; i < 64; i++)
        if (receive(link, link->buffer, sizeof link->buffer) == 0)
            break;
}
