/* The whole of sd_notify(3) that is needed is one datagram, so libsystemd is not. */
#include "serve/systemd.h"

#include "base/parse.h"

#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void systemd_notify(const char *format, ...)
{
    char state[512];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    /* '@' stands for the NUL of an abstract name. */
    if (path == NULL || (*path != '/' && *path != '@') ||
        strlen(path) >= sizeof address.sun_path)
        return;
    /* Cut at the buffer's end, which a status line never meets. */
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(state, sizeof state, format, arguments);
    va_end(arguments);
    if (length <= 0)
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (*path == '@')
        address.sun_path[0] = '\0';
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    /* A socket for each word: they are minutes apart, and the manager may come and go. */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    size_t sent = (size_t)length < sizeof state ? (size_t)length : sizeof state - 1;
    ssize_t ignored =
        sendto(fd, state, sent, MSG_NOSIGNAL, (const struct sockaddr *)&address, size);
    (void)ignored;
    close(fd);
}

int64_t systemd_watchdog_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    struct err ignored = {0};
    int64_t value = 0;
    /* For another process of the service, when it names one. */
    if (pid != NULL && parse_int(pid, 1, INT32_MAX, &value, &ignored) == 0 &&
        value != getpid())
        return 0;
    /* "Half of the time" is what the manual asks for. */
    if (usec == NULL || parse_int(usec, 1, INT64_MAX, &value, &ignored) < 0)
        return 0;
    return value / 2000 > 0 ? value / 2000 : 1;
}
