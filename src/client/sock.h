/* client: Unix stream sockets with bounded waits, long paths and passed descriptors. */
#ifndef REJIT_CLIENT_SOCK_H
#define REJIT_CLIENT_SOCK_H

#include "base/base.h"

#include <sys/types.h>

int64_t sock_now_ms(void); /* monotonic */
/* Connects within timeout_ms; -1 and ERR_UNREACHABLE where nobody listens. The descriptor does not block. */
int sock_connect(const char *path, int timeout_ms, err_t *e);
/* Waits until fd is ready for `events`: 1 ready, 0 the deadline passed, -1 failed. `other` (or -1) ends the wait when
 * readable: 2. */
int sock_wait(int fd, short events, int other, int64_t deadline);
/* Sends all of it. ERR_GONE where the other end is closed, ERR_UNREACHABLE on a timeout. */
bool sock_send(int fd, const void *p, size_t n, int64_t deadline, err_t *e);
/*
 * Receives what is there, up to n bytes: the count, 0 where nothing is there now, -1 where the other end is closed or
 * failed. A descriptor that comes along is stored in *passed if that is -1, else closed.
 */
ssize_t sock_receive(int fd, void *p, size_t n, int *passed);

#endif
