#include "client/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int64_t sock_now_ms(void)
{
    return (int64_t)(clock_ns(CLOCK_MONOTONIC) / 1000000);
}

/* Fills the address. A path that is too long for it is reached through a descriptor of its directory, which *dir
 * receives. */
static bool address_of(const char *path, struct sockaddr_un *to, int *dir, err_t *e)
{
    *to = (struct sockaddr_un){.sun_family = AF_UNIX};
    *dir = -1;
    size_t n = strlen(path);
    if (n < sizeof to->sun_path) {
        memcpy(to->sun_path, path, n + 1);
        return true;
    }
    const char *slash = strrchr(path, '/');
    char parent[4096];
    size_t parent_size = slash ? (size_t)(slash - path) : 0;
    if (!slash || parent_size >= sizeof parent) return err_set(e, ERR_UNREACHABLE, -1, "the path %s is too long", path);
    memcpy(parent, path, parent_size);
    parent[parent_size] = 0;
    *dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir < 0) return err_errno(e, "opening %s", parent);
    int wrote = snprintf(to->sun_path, sizeof to->sun_path, "/proc/self/fd/%d/%s", *dir, slash + 1);
    if (wrote >= 0 && (size_t)wrote < sizeof to->sun_path) return true;
    close(*dir);
    *dir = -1;
    return err_set(e, ERR_UNREACHABLE, -1, "the name %s is too long for a socket", slash + 1);
}

static bool connect_until(int fd, const struct sockaddr_un *to, int64_t deadline)
{
    for (;;) {
        if (connect(fd, (const struct sockaddr *)to, sizeof *to) == 0) return true;
        if (errno == EISCONN) return true;
        /* EAGAIN: the backlog is full. Nothing tells when it is not; ask again soon. */
        if (errno != EAGAIN && errno != EINTR && errno != EINPROGRESS) return false;
        if (sock_now_ms() >= deadline) {
            errno = ETIMEDOUT;
            return false;
        }
        poll(NULL, 0, 2);
    }
}

int sock_connect(const char *path, int timeout_ms, err_t *e)
{
    struct sockaddr_un to;
    int dir;
    if (!address_of(path, &to, &dir, e)) return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = fd >= 0 && connect_until(fd, &to, sock_now_ms() + timeout_ms);
    int why = errno;
    if (dir >= 0) close(dir);
    if (ok) return fd;
    if (fd >= 0) close(fd);
    err_set(e, ERR_UNREACHABLE, why, "connecting to %s: %s", path, strerror(why));
    return -1;
}

int sock_wait(int fd, short events, int other, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - sock_now_ms();
        struct pollfd p[2] = {{.fd = fd, .events = events}, {.fd = other, .events = POLLIN}};
        int n = poll(p, other >= 0 ? 2 : 1, left > 0 ? (int)RJ_MIN(left, 3600000) : 0);
        if (n > 0) return p[0].revents ? 1 : 2;
        if (n < 0 && errno == EINTR) return 0; /* a signal: let the caller look at it */
        if (n < 0) return -1;
        if (left <= 0) return 0;
    }
}

bool sock_send(int fd, const void *p, size_t n, int64_t deadline, err_t *e)
{
    const uint8_t *at = p;
    while (n) {
        ssize_t did = send(fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (did > 0) {
            at += did;
            n -= (size_t)did;
        } else if (did < 0 && errno == EAGAIN) {
            if (sock_now_ms() >= deadline) return err_set(e, ERR_UNREACHABLE, -1, "the agent does not read its socket");
            if (sock_wait(fd, POLLOUT, -1, deadline) < 0) return err_errno(e, "waiting for the agent");
        } else if (did < 0 && errno != EINTR) {
            return err_set(e, ERR_GONE, -1, "the connection to the agent is closed");
        }
    }
    return true;
}

static void take_descriptors(struct msghdr *m, int *passed)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (passed && *passed < 0)
                *passed = fd;
            else
                close(fd);
        }
    }
}

ssize_t sock_receive(int fd, void *p, size_t n, int *passed)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(8 * sizeof(int))];
    } control;
    struct iovec v = {.iov_base = p, .iov_len = n};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t did = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (did < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
    take_descriptors(&m, passed);
    return did > 0 ? did : -1;
}
