/*
 * Says to a Unix socket what no well-behaved program says.
 *
 *      garbage send PATH     sends stdin and reads until the other side closes; prints how many bytes came back
 *      garbage serve PATH    prints "ready"; sends stdin to each connection and closes it, until it is killed
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char bytes[1 << 20];
static size_t size;

static void read_stdin(void)
{
    for (ssize_t n; size < sizeof bytes && (n = read(STDIN_FILENO, bytes + size, sizeof bytes - size)) > 0;)
        size += (size_t)n;
}

static void say(int fd)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = send(fd, bytes + at, size - at, MSG_NOSIGNAL);
        if (n <= 0) return;
        at += (size_t)n;
    }
}

static size_t listen_to(int fd)
{
    char buffer[4096];
    size_t all = 0;
    for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;)
        all += (size_t)n;
    return all;
}

static int serve(int fd, const struct sockaddr_un *a)
{
    if (bind(fd, (const struct sockaddr *)a, sizeof *a) < 0 || listen(fd, 8) < 0) return 1;
    puts("ready");
    fflush(stdout);
    for (int other; (other = accept(fd, NULL, NULL)) >= 0;) {
        say(other);
        shutdown(other, SHUT_WR);
        listen_to(other);
        close(other);
    }
    return 1;
}

int main(int argc, char **argv)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (argc != 3 || fd < 0 || strlen(argv[2]) >= sizeof a.sun_path) return 2;
    memcpy(a.sun_path, argv[2], strlen(argv[2]) + 1);
    read_stdin();
    if (strcmp(argv[1], "serve") == 0) return serve(fd, &a);
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) < 0) return 1;
    say(fd);
    shutdown(fd, SHUT_WR);
    printf("%zu\n", listen_to(fd));
    return 0;
}
