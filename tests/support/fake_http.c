#define _GNU_SOURCE /* memmem, strcasestr, accept4 */
#include "tests/support/fake_http.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <netinet/in.h>
#include <pthread.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_CEILING ((size_t)64 << 10)
#define BODY_CEILING ((size_t)4 << 20)
#define CONNECTIONS 256

struct connection {
    struct fake_http *http;
    pthread_t thread;
    int fd; /* -1 once closed; guarded by the server's lock */
};

struct fake_http {
    struct fake_http_row *rows;
    size_t row_count;
    char url[64];
    int port;
    int listener;
    pthread_t acceptor;

    pthread_mutex_t lock;
    /* guarded by lock */
    bool ending;
    unsigned *matched; /* how often each row fitted */
    struct fake_http_request *requests;
    size_t count, capacity;
    struct connection connections[CONNECTIONS];
    size_t connection_count;
};

/* ---- requests ---- */

void fake_http_request_release(struct fake_http_request *request)
{
    free(request->method);
    free(request->target);
    free(request->headers);
    free(request->body);
    *request = (struct fake_http_request){0};
}

static struct fake_http_request copy_of(const struct fake_http_request *from)
{
    struct fake_http_request copy = *from;
    copy.method = memory_strdup(from->method);
    copy.target = memory_strdup(from->target);
    copy.headers = memory_strdup(from->headers);
    copy.body = memory_alloc(from->body_size + 1);
    memcpy(copy.body, from->body, from->body_size + 1);
    return copy;
}

char *fake_http_header(const struct fake_http_request *request, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = request->headers; *line != '\0';) {
        size_t size = strcspn(line, "\r\n");
        if (size > length && strncasecmp(line, name, length) == 0 && line[length] == ':') {
            size_t start = length + 1 + strspn(line + length + 1, " \t");
            return memory_strndup(line + start, size - start);
        }
        line += size + strspn(line + size, "\r\n");
    }
    return NULL;
}

/* More bytes behind those that are there; false at the end of the connection. */
static bool receive(int fd, struct text *in)
{
    char buffer[16384];
    ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0)
        return false;
    text_add_bytes(in, buffer, (size_t)got);
    return !in->overflowed;
}

static bool parse_head(char *head, struct fake_http_request *out)
{
    char *line_end = strstr(head, "\r\n");
    char *space = strchr(head, ' ');
    char *second = space == NULL ? NULL : strchr(space + 1, ' ');
    if (line_end == NULL || second == NULL || second > line_end)
        return false;
    out->method = memory_strndup(head, (size_t)(space - head));
    out->target = memory_strndup(space + 1, (size_t)(second - space - 1));
    out->headers = memory_strdup(line_end + 2);
    return true;
}

static void drop_front(struct text *in, size_t size)
{
    in->length -= size;
    memmove(in->data, in->data + size, in->length + 1);
}

static bool read_body(int fd, struct text *in, struct fake_http_request *out)
{
    char *length = fake_http_header(out, "Content-Length");
    char *expect = fake_http_header(out, "Expect");
    size_t size = length == NULL ? 0 : strtoul(length, NULL, 10);
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    bool ok = expect == NULL || in->length >= size ||
              file_write_all(fd, go_on, sizeof go_on - 1) == 0;
    free(length);
    free(expect);
    while (ok && in->length < size)
        ok = receive(fd, in);
    if (!ok)
        return false;
    out->body = memory_zalloc(size + 1);
    memcpy(out->body, in->data, size);
    out->body_size = size;
    drop_front(in, size);
    return true;
}

/* One whole request from the connection; false when it ended first. */
static bool read_request(int fd, struct text *in, struct fake_http_request *out)
{
    char *end;
    while ((end = strstr(in->data, "\r\n\r\n")) == NULL)
        if (in->length > HEAD_CEILING || !receive(fd, in))
            return false;
    out->time_ms = clock_monotonic_ms();
    char *head = memory_strndup(in->data, (size_t)(end - in->data) + 2);
    bool ok = parse_head(head, out);
    free(head);
    drop_front(in, (size_t)(end - in->data) + 4);
    return ok && read_body(fd, in, out);
}

/* ---- rows ---- */

static bool has_header(const struct fake_http_request *request, const char *header)
{
    char *name = memory_strndup(header, strcspn(header, ":"));
    const char *want = header + strlen(name);
    want += strspn(want, ": ");
    char *value = fake_http_header(request, name);
    bool has = value != NULL && strcmp(value, want) == 0;
    free(name);
    free(value);
    return has;
}

static bool fits(const struct fake_http_row *row, const struct fake_http_request *request)
{
    size_t path = strcspn(request->target, "?");
    if (row->method != NULL && strcmp(row->method, request->method) != 0)
        return false;
    if (row->path != NULL &&
        (strlen(row->path) != path || strncmp(row->path, request->target, path) != 0))
        return false;
    if (row->contains != NULL && strstr(request->target, row->contains) == NULL &&
        strstr(request->body, row->contains) == NULL)
        return false;
    return row->header == NULL || has_header(request, row->header);
}

/* The row that answers, NULL: none. Keeps a copy of the request. */
static const struct fake_http_row *take(struct fake_http *http,
                                        const struct fake_http_request *request)
{
    const struct fake_http_row *found = NULL;
    pthread_mutex_lock(&http->lock);
    for (size_t i = 0; i < http->row_count && found == NULL; i++) {
        const struct fake_http_row *row = &http->rows[i];
        if (!fits(row, request))
            continue;
        unsigned nth = ++http->matched[i];
        unsigned first = row->first == 0 ? 1 : row->first;
        if (nth >= first && (row->times == 0 || nth - first < row->times))
            found = row;
    }
    memory_grow(&http->requests, &http->capacity, http->count + 1, sizeof *http->requests);
    http->requests[http->count++] = copy_of(request);
    pthread_mutex_unlock(&http->lock);
    return found;
}

/* False: hang up. */
static bool answer(int fd, const struct fake_http_row *row,
                   const struct fake_http_request *request)
{
    static const struct fake_http_row nothing = {.status = 404};
    if (row == NULL)
        row = &nothing;
    if (row->status == 0)
        return false;
    char *made = row->make_body == NULL ? NULL : row->make_body(row->context, request);
    const char *body = made != NULL ? made : row->body != NULL ? row->body : "";
    char *all =
        memory_format("HTTP/1.1 %d Status\r\nContent-Length: %zu\r\n%s\r\n%s", row->status,
                      strlen(body), row->answer_headers == NULL ? "" : row->answer_headers,
                      strcmp(request->method, "HEAD") == 0 ? "" : body);
    bool ok = send(fd, all, strlen(all), MSG_NOSIGNAL) == (ssize_t)strlen(all);
    free(all);
    free(made);
    return ok;
}

/* ---- connections ---- */

static void *serve(void *context)
{
    struct connection *connection = context;
    struct fake_http *http = connection->http;
    int fd = connection->fd;
    struct text in;
    text_init(&in, BODY_CEILING);
    for (bool more = true; more;) {
        struct fake_http_request request = {0};
        more = read_request(fd, &in, &request);
        if (more)
            more = answer(fd, take(http, &request), &request);
        fake_http_request_release(&request);
    }
    text_release(&in);
    pthread_mutex_lock(&http->lock);
    file_close(&connection->fd);
    pthread_mutex_unlock(&http->lock);
    return NULL;
}

/* Under the lock. */
static void start(struct fake_http *http, int fd)
{
    struct connection *connection = &http->connections[http->connection_count];
    *connection = (struct connection){.http = http, .fd = fd};
    if (!http->ending && http->connection_count < CONNECTIONS &&
        pthread_create(&connection->thread, NULL, serve, connection) == 0)
        http->connection_count++;
    else
        close(fd);
}

static void *accept_all(void *context)
{
    struct fake_http *http = context;
    int fd;
    while ((fd = accept4(http->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        pthread_mutex_lock(&http->lock);
        start(http, fd);
        pthread_mutex_unlock(&http->lock);
    }
    return NULL;
}

static int listen_on_loopback(struct fake_http *http, struct err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    http->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (http->listener < 0 ||
        bind(http->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(http->listener, 64) < 0 ||
        getsockname(http->listener, (struct sockaddr *)&address, &size) < 0)
        return err_errno(err, ERR_SYSTEM, "cannot listen on loopback");
    http->port = ntohs(address.sin_port);
    snprintf(http->url, sizeof http->url, "http://127.0.0.1:%d", http->port);
    return 0;
}

struct fake_http *fake_http_new(const struct fake_http_row *rows, size_t count,
                                struct err *err)
{
    struct fake_http *http = memory_zalloc(sizeof *http);
    http->rows = memory_array(count, sizeof *rows);
    memcpy(http->rows, rows, count * sizeof *rows);
    http->row_count = count;
    http->matched = memory_array(count, sizeof *http->matched);
    pthread_mutex_init(&http->lock, NULL);
    if (listen_on_loopback(http, err) == 0 &&
        pthread_create(&http->acceptor, NULL, accept_all, http) == 0)
        return http;
    if (http->listener >= 0)
        close(http->listener);
    pthread_mutex_destroy(&http->lock);
    free(http->rows);
    free(http->matched);
    free(http);
    return NULL;
}

void fake_http_free(struct fake_http *http)
{
    if (http == NULL)
        return;
    pthread_mutex_lock(&http->lock);
    http->ending = true;
    for (size_t i = 0; i < http->connection_count; i++)
        if (http->connections[i].fd >= 0)
            shutdown(http->connections[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&http->lock);
    shutdown(http->listener, SHUT_RDWR); /* wakes accept */
    pthread_join(http->acceptor, NULL);
    for (size_t i = 0; i < http->connection_count; i++)
        pthread_join(http->connections[i].thread, NULL);
    close(http->listener);
    for (size_t i = 0; i < http->count; i++)
        fake_http_request_release(&http->requests[i]);
    free(http->requests);
    free(http->rows);
    free(http->matched);
    pthread_mutex_destroy(&http->lock);
    free(http);
}

const char *fake_http_url(const struct fake_http *http)
{
    return http->url;
}

int fake_http_port(const struct fake_http *http)
{
    return http->port;
}

unsigned fake_http_count(struct fake_http *http)
{
    pthread_mutex_lock(&http->lock);
    unsigned count = (unsigned)http->count;
    pthread_mutex_unlock(&http->lock);
    return count;
}

bool fake_http_request(struct fake_http *http, unsigned number,
                       struct fake_http_request *out)
{
    pthread_mutex_lock(&http->lock);
    bool there = number >= 1 && number <= http->count;
    if (there)
        *out = copy_of(&http->requests[number - 1]);
    pthread_mutex_unlock(&http->lock);
    return there;
}
