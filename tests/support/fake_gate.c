#include "tests/support/fake_gate.h"

#include "base/memory.h"
#include "base/text.h"
#include "tests/support/fake_certificate.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_PASSAGES = 64, HEAD_MAX = 32 << 10, CHUNK = 16 << 10 };

/* A connection that came, and the one to the service. */
struct passage {
    struct fake_gate *gate;
    pthread_t thread;
    int client, service; /* service -1: not yet. Closed by fake_gate_free */
    SSL *ssl;
};

enum kind { PROXY, TLS, IPV6 };

struct fake_gate {
    enum kind kind;
    int target, listener, port;
    char *login;
    SSL_CTX *tls;
    pthread_t accepter;
    pthread_mutex_t lock;
    /* Guarded by lock: */
    struct passage passages[MAX_PASSAGES];
    unsigned count;
    char *line;
    bool ending;
};

/* ---- bytes */

static ssize_t take(struct passage *passage, void *buffer, size_t size)
{
    if (passage->ssl != NULL)
        return SSL_read(passage->ssl, buffer, (int)size);
    return recv(passage->client, buffer, size, 0);
}

static bool give(struct passage *passage, const char *data, size_t size)
{
    if (passage->ssl != NULL)
        return SSL_write(passage->ssl, data, (int)size) == (int)size;
    return send(passage->client, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static bool give_service(struct passage *passage, const char *data, size_t size)
{
    return send(passage->service, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* Both ways, until one of them ends. */
static void relay(struct passage *passage)
{
    char buffer[CHUNK];

    for (;;) {
        struct pollfd ends[2] = {{.fd = passage->client, .events = POLLIN},
                                 {.fd = passage->service, .events = POLLIN}};
        bool pending = passage->ssl != NULL && SSL_pending(passage->ssl) > 0;
        if (poll(ends, 2, pending ? 0 : -1) < 0)
            return;
        if (pending || ends[0].revents != 0) {
            ssize_t size = take(passage, buffer, sizeof buffer);
            if (size <= 0 || !give_service(passage, buffer, (size_t)size))
                return;
        }
        if (ends[1].revents != 0) {
            ssize_t size = recv(passage->service, buffer, sizeof buffer, 0);
            if (size <= 0 || !give(passage, buffer, (size_t)size))
                return;
        }
    }
}

static bool reach_service(struct passage *passage)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)passage->gate->target)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    pthread_mutex_lock(&passage->gate->lock);
    passage->service = fd;
    bool ending = passage->gate->ending;
    pthread_mutex_unlock(&passage->gate->lock);
    return fd >= 0 && !ending &&
           connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

/* ---- a proxy */

/* Up to and with the blank line; what comes behind it is left in the socket. */
static bool read_head(struct passage *passage, struct text *head)
{
    char one;

    while (!text_ends_with(head->data, "\r\n\r\n"))
        if (recv(passage->client, &one, 1, 0) != 1 || head->overflowed)
            return false;
        else
            text_add_char(head, one);
    return true;
}

static bool may_pass(const struct fake_gate *gate, const char *head)
{
    if (gate->login == NULL)
        return true;
    char *wanted = memory_format("\r\nProxy-Authorization: Basic %s\r\n", gate->login);
    bool may = strstr(head, wanted) != NULL;
    free(wanted);
    return may;
}

/* "PUT http://host/path HTTP/1.1" becomes "PUT /path HTTP/1.1"; lines that are for the
 * proxy stay here. */
static void rewrite(const char *head, struct text *out)
{
    const char *blank = strchr(head, ' ');
    const char *host = blank == NULL ? NULL : strstr(blank, "://");
    const char *path = host == NULL ? NULL : strchr(host + 3, '/');
    const char *line = path == NULL ? NULL : strstr(path, "\r\n");

    if (line == NULL)
        return;
    text_add_bytes(out, head, (size_t)(blank + 1 - head));
    text_add_bytes(out, path, (size_t)(line + 2 - path));
    for (line += 2; *line != '\0'; line = strstr(line, "\r\n") + 2)
        if (strncasecmp(line, "Proxy-", 6) != 0)
            text_add_bytes(out, line, (size_t)(strstr(line, "\r\n") + 2 - line));
}

static void keep_line(struct fake_gate *gate, const char *head)
{
    pthread_mutex_lock(&gate->lock);
    free(gate->line);
    gate->line = memory_strndup(head, strcspn(head, "\r"));
    pthread_mutex_unlock(&gate->lock);
}

static void pass_on(struct passage *passage, const char *head)
{
    static const char connected[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    static const char refused[] = "HTTP/1.1 407 Proxy Authentication Required\r\n"
                                  "Content-Length: 0\r\nConnection: close\r\n\r\n";
    struct text changed;

    text_init(&changed, HEAD_MAX);
    if (!may_pass(passage->gate, head)) {
        (void)give(passage, refused, sizeof refused - 1);
    } else if (reach_service(passage)) {
        bool tunnel = text_starts_with(head, "CONNECT ");
        if (!tunnel)
            rewrite(head, &changed);
        if (tunnel ? give(passage, connected, sizeof connected - 1)
                   : give_service(passage, changed.data, changed.length))
            relay(passage);
    }
    text_release(&changed);
}

static void serve_proxy(struct passage *passage)
{
    struct text head;

    text_init(&head, HEAD_MAX);
    text_add(&head, "");
    if (read_head(passage, &head)) {
        keep_line(passage->gate, head.data);
        pass_on(passage, head.data);
    }
    text_release(&head);
}

/* ---- TLS */

static void serve_tls(struct passage *passage)
{
    passage->ssl = SSL_new(passage->gate->tls);
    if (passage->ssl != NULL && SSL_set_fd(passage->ssl, passage->client) == 1 &&
        SSL_accept(passage->ssl) == 1 && reach_service(passage))
        relay(passage);
    SSL_free(passage->ssl);
    passage->ssl = NULL;
}

/* ---- the gate */

static void *serve(void *argument)
{
    struct passage *passage = argument;

    if (passage->gate->kind == TLS)
        serve_tls(passage);
    else if (passage->gate->kind == PROXY)
        serve_proxy(passage);
    else if (reach_service(passage))
        relay(passage);
    pthread_mutex_lock(&passage->gate->lock);
    (void)shutdown(passage->client, SHUT_RDWR);
    if (passage->service >= 0)
        (void)shutdown(passage->service, SHUT_RDWR);
    pthread_mutex_unlock(&passage->gate->lock);
    return NULL;
}

static void *accept_all(void *argument)
{
    struct fake_gate *gate = argument;

    for (;;) {
        int fd = accept(gate->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        pthread_mutex_lock(&gate->lock);
        struct passage *passage = &gate->passages[gate->count];
        *passage = (struct passage){.gate = gate, .client = fd, .service = -1};
        bool started = !gate->ending && gate->count < MAX_PASSAGES &&
                       pthread_create(&passage->thread, NULL, serve, passage) == 0;
        gate->count += started;
        pthread_mutex_unlock(&gate->lock);
        if (!started)
            close(fd);
    }
}

static bool listen_on_loopback(struct fake_gate *gate)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool six = gate->kind == IPV6;
    struct sockaddr *address = six ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    socklen_t size = six ? sizeof v6 : sizeof v4;

    gate->listener = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (gate->listener < 0 || bind(gate->listener, address, size) < 0 ||
        listen(gate->listener, 64) < 0 || getsockname(gate->listener, address, &size) < 0)
        return false;
    gate->port = ntohs(six ? v6.sin6_port : v4.sin_port);
    return true;
}

static struct fake_gate *open_gate(enum kind kind, int port, const char *login,
                                   SSL_CTX *tls, struct err *err)
{
    struct fake_gate *gate = memory_zalloc(sizeof *gate);

    gate->kind = kind;
    gate->target = port;
    gate->login = memory_strdup(login);
    gate->tls = tls;
    pthread_mutex_init(&gate->lock, NULL);
    if (listen_on_loopback(gate) &&
        pthread_create(&gate->accepter, NULL, accept_all, gate) == 0)
        return gate;
    err_errno(err, ERR_SYSTEM, "a gate cannot listen");
    if (gate->listener >= 0)
        close(gate->listener);
    SSL_CTX_free(tls);
    pthread_mutex_destroy(&gate->lock);
    free(gate->login);
    free(gate);
    return NULL;
}

struct fake_gate *fake_gate_proxy(int port, const char *login, struct err *err)
{
    return open_gate(PROXY, port, login, NULL, err);
}

struct fake_gate *fake_gate_ipv6(int port, struct err *err)
{
    return open_gate(IPV6, port, NULL, NULL, err);
}

struct fake_gate *fake_gate_tls(int port, const char *host, const char *ca_path,
                                struct err *err)
{
    SSL_CTX *tls = fake_certificate_context(host, ca_path, err);

    /* OpenSSL writes without MSG_NOSIGNAL. */
    (void)signal(SIGPIPE, SIG_IGN);
    return tls == NULL ? NULL : open_gate(TLS, port, NULL, tls, err);
}

int fake_gate_port(const struct fake_gate *gate)
{
    return gate->port;
}

unsigned fake_gate_count(struct fake_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    unsigned count = gate->count;
    pthread_mutex_unlock(&gate->lock);
    return count;
}

char *fake_gate_line(struct fake_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    char *line = memory_strdup(gate->line != NULL ? gate->line : "");
    pthread_mutex_unlock(&gate->lock);
    return line;
}

void fake_gate_free(struct fake_gate *gate)
{
    if (gate == NULL)
        return;
    pthread_mutex_lock(&gate->lock);
    gate->ending = true;
    for (unsigned i = 0; i < gate->count; i++) {
        (void)shutdown(gate->passages[i].client, SHUT_RDWR);
        if (gate->passages[i].service >= 0)
            (void)shutdown(gate->passages[i].service, SHUT_RDWR);
    }
    pthread_mutex_unlock(&gate->lock);
    (void)shutdown(gate->listener, SHUT_RDWR);
    pthread_join(gate->accepter, NULL);
    close(gate->listener);
    for (unsigned i = 0; i < gate->count; i++) {
        pthread_join(gate->passages[i].thread, NULL);
        close(gate->passages[i].client);
        if (gate->passages[i].service >= 0)
            close(gate->passages[i].service);
    }
    SSL_CTX_free(gate->tls);
    pthread_mutex_destroy(&gate->lock);
    free(gate->line);
    free(gate->login);
    free(gate);
}
