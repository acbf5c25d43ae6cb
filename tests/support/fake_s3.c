#define _GNU_SOURCE /* accept4, pipe2 */
#include "tests/support/fake_s3.h"

#include "base/thread.h"
#include "tests/support/fake_s3_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct fake_s3_settings fake_s3_defaults(void)
{
    return (struct fake_s3_settings){.bucket = "bucket",
                                     .region = "us-east-1",
                                     .access_key = "AKIDEXAMPLE",
                                     .secret_key = "secretexample",
                                     .base_path = "",
                                     .server = "fake_s3",
                                     .max_parts = 10000,
                                     .page_size = 1000};
}

/* ---- settings and credentials ---- */

static void keep_strings(struct fake_s3 *fake)
{
    struct fake_s3_settings *settings = &fake->settings;
    const char **strings[] = {&settings->bucket,        &settings->region,
                              &settings->access_key,    &settings->secret_key,
                              &settings->session_token, &settings->base_path,
                              &settings->server};

    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        fake->strings[i] = memory_strdup(*strings[i]);
        *strings[i] = fake->strings[i];
    }
}

void fake_s3_change(struct fake_s3 *fake, const struct fake_s3_settings *settings)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_s3_settings old = fake->settings;
    fake->settings = *settings;
    fake->settings.bucket = old.bucket;
    fake->settings.region = old.region;
    fake->settings.access_key = old.access_key;
    fake->settings.secret_key = old.secret_key;
    fake->settings.session_token = old.session_token;
    fake->settings.base_path = old.base_path;
    fake->settings.server = old.server;
    pthread_mutex_unlock(&fake->lock);
}

void fake_settings_copy(struct fake_call *call)
{
    struct fake_s3 *fake = call->fake;

    pthread_mutex_lock(&fake->lock);
    call->settings = fake->settings;
    call->region =
        memory_strdup(fake->redirected != NULL ? fake->redirected : fake->settings.region);
    pthread_mutex_unlock(&fake->lock);
}

void fake_s3_add_credentials(struct fake_s3 *fake, const char *access_key,
                             const char *secret_key, const char *session_token,
                             int64_t expires_ms)
{
    size_t i = 0;

    pthread_mutex_lock(&fake->lock);
    while (i < fake->key_count && strcmp(fake->keys[i].access_key, access_key) != 0)
        i++;
    if (i == fake->key_count) {
        memory_grow(&fake->keys, &fake->key_capacity, ++fake->key_count,
                    sizeof *fake->keys);
        fake->keys[i] = (struct fake_key){.access_key = memory_strdup(access_key)};
    }
    secret_set(&fake->keys[i].secret_key, secret_key);
    free(fake->keys[i].session_token);
    fake->keys[i].session_token = memory_strdup(session_token);
    fake->keys[i].expires_ms = expires_ms;
    pthread_mutex_unlock(&fake->lock);
}

static void add_bucket(struct fake_s3 *fake, const char *name)
{
    memory_grow(&fake->buckets, &fake->bucket_capacity, fake->bucket_count + 1,
                sizeof(struct fake_bucket *));
    struct fake_bucket *bucket = memory_zalloc(sizeof *bucket);
    bucket->name = memory_strdup(name);
    fake->buckets[fake->bucket_count++] = bucket;
}

void fake_s3_add_bucket(struct fake_s3 *fake, const char *bucket)
{
    pthread_mutex_lock(&fake->lock);
    add_bucket(fake, bucket);
    pthread_mutex_unlock(&fake->lock);
}

/* ---- connections ---- */

/* Joins threads that have ended, or all. Not under the lock. */
static void reap(struct fake_s3 *fake, bool all)
{
    for (;;) {
        pthread_mutex_lock(&fake->lock);
        struct fake_link **at = &fake->links;
        while (*at != NULL && !all && !(*at)->done)
            at = &(*at)->next;
        struct fake_link *link = *at;
        pthread_mutex_unlock(&fake->lock);
        if (link == NULL)
            return;
        pthread_join(link->thread, NULL);
        pthread_mutex_lock(&fake->lock);
        for (at = &fake->links; *at != link;)
            at = &(*at)->next;
        *at = link->next;
        pthread_mutex_unlock(&fake->lock);
        free(link);
    }
}

static void start_link(struct fake_s3 *fake, int fd)
{
    struct fake_link *link = memory_alloc(sizeof *link);
    int on = 1;

    memset(link, 0, offsetof(struct fake_link, buffer));
    link->fake = fake;
    link->fd = fd;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pthread_mutex_lock(&fake->lock);
    link->number = ++fake->stats.connections;
    if (pthread_create(&link->thread, NULL, fake_serve, link) == 0) {
        link->next = fake->links;
        fake->links = link;
        link = NULL;
    }
    pthread_mutex_unlock(&fake->lock);
    if (link != NULL) {
        close(fd);
        free(link);
    }
}

static void *accept_all(void *argument)
{
    struct fake_s3 *fake = argument;
    struct pollfd wait[2] = {{.fd = fake->listen_fd, .events = POLLIN},
                             {.fd = fake->wake_fds[0], .events = POLLIN}};
    char byte;

    while (poll(wait, 2, -1) >= 0 || errno == EINTR) {
        if (wait[1].revents != 0)
            break;
        int fd = wait[0].revents != 0 ? accept4(wait[0].fd, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (fd >= 0)
            start_link(fake, fd);
        reap(fake, false);
    }
    while (read(fake->wake_fds[0], &byte, 1) < 0 && errno == EINTR)
        continue;
    return NULL;
}

static void cut_links(struct fake_s3 *fake)
{
    pthread_mutex_lock(&fake->lock);
    for (struct fake_link *link = fake->links; link != NULL; link = link->next) {
        link->cut = true;
        if (link->fd >= 0)
            shutdown(link->fd, SHUT_RDWR);
    }
    pthread_cond_broadcast(&fake->changed);
    pthread_mutex_unlock(&fake->lock);
    reap(fake, true);
}

/* ---- the listening socket ---- */

/* Bound to the server's port (0: a free one), not listening. While the server is down it
 * keeps the port from others and connect is refused all the same. */
static int bind_port(struct fake_s3 *fake, struct err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)fake->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int on = 1;

    fake->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fake->listen_fd < 0)
        return err_errno(err, ERR_SYSTEM, "socket");
    (void)setsockopt(fake->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fake->listen_fd, (struct sockaddr *)&address, size) < 0 ||
        getsockname(fake->listen_fd, (struct sockaddr *)&address, &size) < 0)
        return err_errno(err, ERR_SYSTEM, "bind to port %d", fake->port);
    fake->port = ntohs(address.sin_port);
    return 0;
}

static void go_down(struct fake_s3 *fake)
{
    struct err ignored;

    while (write(fake->wake_fds[1], "x", 1) < 0 && errno == EINTR)
        continue;
    pthread_join(fake->accepter, NULL);
    fake->accepting = false;
    close(fake->listen_fd);
    if (bind_port(fake, &ignored) < 0 && fake->listen_fd >= 0) {
        close(fake->listen_fd);
        fake->listen_fd = -1;
    }
    cut_links(fake);
}

void fake_s3_down(struct fake_s3 *fake)
{
    pthread_mutex_lock(&fake->control);
    if (fake->accepting)
        go_down(fake);
    pthread_mutex_unlock(&fake->control);
}

static int go_up(struct fake_s3 *fake, struct err *err)
{
    if (fake->listen_fd < 0 && bind_port(fake, err) < 0)
        return -1;
    if (listen(fake->listen_fd, 128) < 0)
        return err_errno(err, ERR_SYSTEM, "listen");
    if (thread_start(&fake->accepter, accept_all, fake, err) < 0)
        return -1;
    fake->accepting = true;
    return 0;
}

int fake_s3_up(struct fake_s3 *fake, struct err *err)
{
    pthread_mutex_lock(&fake->control);
    int rc = fake->accepting ? 0 : go_up(fake, err);
    pthread_mutex_unlock(&fake->control);
    return rc;
}

/* ---- the whole ---- */

struct fake_s3 *fake_s3_new(const struct fake_s3_settings *settings, struct err *err)
{
    struct fake_s3 *fake = memory_zalloc(sizeof *fake);

    pthread_mutex_init(&fake->lock, NULL);
    pthread_mutex_init(&fake->control, NULL);
    thread_cond_init(&fake->changed);
    fake->listen_fd = -1;
    fake->wake_fds[0] = fake->wake_fds[1] = -1;
    fake->settings = *settings;
    keep_strings(fake);
    add_bucket(fake, settings->bucket);
    fake_s3_add_credentials(fake, settings->access_key, settings->secret_key,
                            settings->session_token, 0);
    if (pipe2(fake->wake_fds, O_CLOEXEC) < 0) {
        err_errno(err, ERR_SYSTEM, "pipe");
        goto failed;
    }
    if (fake_s3_up(fake, err) < 0)
        goto failed;
    snprintf(fake->endpoint, sizeof fake->endpoint, "http://127.0.0.1:%d%s", fake->port,
             fake->settings.base_path);
    return fake;
failed:
    fake_s3_free(fake);
    return NULL;
}

static void free_keys(struct fake_s3 *fake)
{
    for (size_t i = 0; i < fake->key_count; i++) {
        free(fake->keys[i].access_key);
        free(fake->keys[i].session_token);
        secret_release(&fake->keys[i].secret_key);
    }
    free(fake->keys);
}

void fake_s3_free(struct fake_s3 *fake)
{
    if (fake == NULL)
        return;
    fake_s3_down(fake);
    if (fake->listen_fd >= 0)
        close(fake->listen_fd);
    for (int i = 0; i < 2; i++)
        if (fake->wake_fds[i] >= 0)
            close(fake->wake_fds[i]);
    fake_records_free(fake);
    fake_state_free(fake);
    free_keys(fake);
    free(fake->scripts);
    free(fake->redirected);
    for (size_t i = 0; i < sizeof fake->strings / sizeof *fake->strings; i++)
        free(fake->strings[i]);
    pthread_cond_destroy(&fake->changed);
    pthread_mutex_destroy(&fake->lock);
    pthread_mutex_destroy(&fake->control);
    free(fake);
}

const char *fake_s3_endpoint(const struct fake_s3 *fake)
{
    return fake->endpoint;
}

int fake_s3_port(const struct fake_s3 *fake)
{
    return fake->port;
}
