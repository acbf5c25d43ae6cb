/*
 * One daemon for each address, each with a few threads that wait for all of its connections by epoll.
 * A request is gathered first - libmicrohttpd calls with pieces - and answered when it is whole.
 */
#define _GNU_SOURCE /* accept4's flags of SOCK_CLOEXEC */
#include "api/http.h"

#include "api/pages.h"
#include "api/route.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    ADDRESSES = 8,
    WORKERS = 2,        /* threads of one address */
    CONNECTIONS = 2048, /* of one address */
    IDLE_S = 30,        /* of a connection that says nothing */
    MEMORY = 16 << 10,  /* of one connection: its headers */
    STACK = 512 << 10
};
#define API "/api/v1/"

struct http {
    const struct config_args *args;
    struct access *access;
    struct MHD_Daemon *daemons[ADDRESSES];
    char *sockets[ADDRESSES]; /* paths to be removed; NULL: none */
    size_t count;
    int wake;
};

/* A body that is being gathered. */
struct call {
    struct text body;
};

bool http_knows_host(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; host != NULL && i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i]);
        if (strncasecmp(host, names[i], length) == 0 &&
            (host[length] == '\0' ||
             (host[length] == ':' &&
              host[length + 1 + strspn(host + length + 1, "0123456789")] == '\0')))
            return true;
    }
    return false;
}

/* ---- answers ---- */

/* Takes the response. */
static enum MHD_Result send_response(struct MHD_Connection *connection, unsigned status,
                                     struct MHD_Response *response, const char *type)
{
    /* Nothing is loaded from elsewhere, nobody frames us, no type is guessed. */
    static const char *const headers[][2] = {
        {"Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri "
                                    "'none'; form-action 'self'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"}};
    if (response == NULL)
        return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type", type);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        (void)MHD_add_response_header(response, headers[i][0], headers[i][1]);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status,
                              const char *why)
{
    char *text = memory_format("{\"status\":%u,\"detail\":\"%s\",\"kind\":\"usage\"}\n",
                               status, why);
    return send_response(
        connection, status,
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE),
        "application/problem+json");
}

static const char *type_of(const char *path)
{
    static const char *const types[][2] = {{".html", "text/html; charset=utf-8"},
                                           {".css", "text/css; charset=utf-8"},
                                           {".js", "text/javascript; charset=utf-8"},
                                           {".svg", "image/svg+xml"}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (text_ends_with(path, types[i][0]))
            return types[i][1];
    }
    return "application/octet-stream";
}

/* A file of the pages, unless the browser has it already. */
static enum MHD_Result answer_page(struct MHD_Connection *connection, const char *path)
{
    const char *wanted = strcmp(path, "/") == 0 ? "/index.html" : path;
    const struct pages_file *file = pages_files;
    unsigned char sum[SHA256_SIZE];
    char tag[SHA256_HEX + 2], hex[SHA256_HEX];
    while (file->path != NULL && strcmp(file->path, wanted) != 0)
        file++;
    if (file->path == NULL)
        return refuse(connection, 404, "there is no such page");
    digest_sha256(file->data, file->size, sum);
    (void)snprintf(tag, sizeof tag, "\"%s\"", digest_hex(sum, sizeof sum, hex));
    const char *known =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match");
    bool same = text_equal(known, tag);
    /* The library takes bytes that it only reads as writable ones. */
    union {
        const unsigned char *read;
        void *given;
    } bytes = {.read = file->data};
    struct MHD_Response *response = MHD_create_response_from_buffer(
        same ? 0 : file->size, bytes.given, MHD_RESPMEM_PERSISTENT);
    if (response != NULL) {
        (void)MHD_add_response_header(response, "ETag", tag);
        (void)MHD_add_response_header(response, "Cache-Control", "no-cache");
    }
    return send_response(connection, same ? 304 : 200, response, type_of(wanted));
}

/* What route_answer made of it. */
static enum MHD_Result send_answer(struct MHD_Connection *connection,
                                   struct request *request)
{
    char seconds[32];
    char *body = request->document != NULL ? json_text(request->document, false)
                                           : text_take(&request->text);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        return MHD_NO;
    (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    if (request->set_cookie[0] != '\0')
        (void)MHD_add_response_header(response, "Set-Cookie", request->set_cookie);
    (void)snprintf(seconds, sizeof seconds, "%lld", (long long)request->retry_after);
    if (request->retry_after > 0)
        (void)MHD_add_response_header(response, "Retry-After", seconds);
    return send_response(connection, request->status, response, request->type);
}

/* ---- one request ---- */

static const char *parameter(void *where, const char *name)
{
    return MHD_lookup_connection_value(where, MHD_GET_ARGUMENT_KIND, name);
}

/* The other end, without its port; "unix". */
static void address_of(struct MHD_Connection *connection, char out[64])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info != NULL ? info->client_addr : NULL;
    (void)snprintf(out, 64, "unix");
    if (address != NULL && address->sa_family != AF_UNIX)
        (void)getnameinfo(address,
                          address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                         : sizeof(struct sockaddr_in),
                          out, 64, NULL, 0, NI_NUMERICHOST);
}

static enum MHD_Result answer(struct http *http, struct MHD_Connection *connection,
                              const char *method, const char *path, const struct text *body)
{
    char address[64];
    struct err err = {0};
    struct settings settings;
    json_t *document = NULL;
    if (body->overflowed)
        return refuse(connection, 413, "the body is too large");
    if (body->length > 0) {
        document = json_parse(body->data, body->length, &err);
        if (!json_is_object(document)) {
            json_decref(document);
            return refuse(connection, 400, "the body is not a JSON object");
        }
    }
    /* As the files are now; what does not load is said instead of guessed. */
    if (settings_load(&settings, http->args, &err) < 0) {
        log_err(&err);
        settings_release(&settings);
        json_decref(document);
        return refuse(connection, 500,
                      "the configuration does not load: see the log of serve");
    }
    address_of(connection, address);
    struct request request = {.method = method,
                              .path = path,
                              .address = address,
                              .body = document,
                              .parameter = parameter,
                              .where = connection,
                              .access = http->access,
                              .settings = &settings,
                              .now = clock_now()};
    request.cookie = MHD_lookup_connection_value(connection, MHD_COOKIE_KIND, "pgkeep");
    request.csrf = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-CSRF-Token");
    request.last_event =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID");
    route_answer(&request);
    if (request.wake && eventfd_write(http->wake, 1) < 0)
        log_warning("api: cannot wake serve");
    enum MHD_Result result = send_answer(connection, &request);
    request_release(&request);
    json_decref(document);
    settings_release(&settings);
    return result;
}

/* Called first with the headers, then with each piece of the body, then once more. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection,
                              const char *url, const char *method, const char *version,
                              const char *data, size_t *size, void **state)
{
    struct call *call = *state;
    (void)version;
    if (call == NULL) {
        call = *state = memory_zalloc(sizeof *call);
        text_init(&call->body, REQUEST_BODY_MOST);
        return MHD_YES;
    }
    if (*size > 0) {
        /* What goes beyond the limit is dropped here, and refused at its end. */
        text_add_bytes(&call->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    if (!http_knows_host(host))
        return refuse(connection, 421, "this Host is not ours");
    if (text_starts_with(url, API))
        return answer(context, connection, method, url + strlen(API), &call->body);
    if (strcmp(method, "GET") != 0)
        return refuse(connection, 405, "pages can only be read");
    return answer_page(connection, url);
}

static void finished(void *context, struct MHD_Connection *connection, void **state,
                     enum MHD_RequestTerminationCode code)
{
    struct call *call = *state;
    (void)context;
    (void)connection;
    (void)code;
    if (call != NULL)
        text_wipe(&call->body); /* it may have been a password */
    free(call);
    *state = NULL;
}

/* ---- listening ---- */

/* A socket of this path, for us and our group; one that nobody serves any more makes room. */
static int listen_unix(const char *path, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat info;
    if (strlen(path) >= sizeof address.sun_path)
        return err_set(err, ERR_CONFIG, "listen: the path %s is too long", path);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    /* One serve per catalog, but others may listen there: only a dead one is removed. */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(err, ERR_SYSTEM, "cannot make a socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        file_close(&fd);
        return err_set(err, ERR_CONFIG, "listen: somebody listens at %s already", path);
    }
    if (lstat(path, &info) == 0 && S_ISSOCK(info.st_mode))
        (void)unlink(path);
    /* The umask of the process keeps it private until then. */
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        chmod(path, 0660) < 0 || listen(fd, 128) < 0) {
        err_errno(err, ERR_SYSTEM, "cannot listen at %s", path);
        file_close(&fd);
        return -1;
    }
    return fd;
}

/* ADDRESS:PORT of loopback. */
static int listen_tcp(const char *text, struct err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags =
                                       AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(text, ':');
    int fd = -1, on = 1;
    if (!http_knows_host(text) || colon == NULL || text_ends_with(text, "]")) {
        err_set(err, ERR_CONFIG, "listen: \"%.80s\" is no address of loopback with a port",
                text);
        return err_hint(err,
                        "127.0.0.1:8432, [::1]:8432 or unix:/run/pgkeep/http.sock; for "
                        "others a proxy with TLS stands in front");
    }
    bool six = *text == '[';
    if (getaddrinfo(six ? "::1" : "127.0.0.1", colon + 1, &hints, &found) != 0)
        return err_set(err, ERR_CONFIG, "listen: \"%.80s\" is no address", text);
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, 128) < 0) {
        err_errno(err, ERR_SYSTEM, "cannot listen at %s", text);
        file_close(&fd);
    }
    freeaddrinfo(found);
    return fd;
}

static int add_address(struct http *http, const char *text, struct err *err)
{
    static const char prefix[] = "unix:";
    bool local = text_starts_with(text, prefix);
    if (http->count == ADDRESSES)
        return err_set(err, ERR_CONFIG, "listen: more than %d addresses", ADDRESSES);
    int fd = local ? listen_unix(text + strlen(prefix), err) : listen_tcp(text, err);
    if (fd < 0)
        return -1;
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 0, NULL, NULL, handle, http,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)WORKERS,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK, MHD_OPTION_NOTIFY_COMPLETED, finished,
        NULL, MHD_OPTION_END);
    if (daemon == NULL) {
        file_close(&fd);
        return err_set(err, ERR_SYSTEM, "cannot serve HTTP at %s", text);
    }
    http->sockets[http->count] = local ? memory_strdup(text + strlen(prefix)) : NULL;
    http->daemons[http->count++] = daemon;
    log_info("api: listening at %s", text);
    return 0;
}

struct http *http_new(const struct settings *settings, const struct config_args *args,
                      struct err *err)
{
    struct http *http = memory_zalloc(sizeof *http);
    http->args = args;
    http->access = access_new();
    http->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int result = http->wake < 0 ? err_errno(err, ERR_SYSTEM, "cannot make an eventfd") : 0;
    for (size_t i = 0; result == 0 && i < settings->listen.count; i++)
        result = add_address(http, settings->listen.items[i], err);
    if (result == 0)
        return http;
    http_free(http);
    return NULL;
}

void http_free(struct http *http)
{
    if (http == NULL)
        return;
    for (size_t i = 0; i < http->count; i++) {
        MHD_stop_daemon(http->daemons[i]);
        if (http->sockets[i] != NULL)
            (void)unlink(http->sockets[i]);
        free(http->sockets[i]);
    }
    access_free(http->access);
    file_close(&http->wake);
    free(http);
}

int http_wake_fd(const struct http *http)
{
    return http != NULL ? http->wake : -1;
}
