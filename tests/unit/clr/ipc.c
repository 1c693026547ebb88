/* The diagnostics port, with a thread in the runtime's place that answers what each case wants. */
#include "clr/ipc.h"
#include "clr/hresult.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct port {
    int fd; /* the runtime's end */
    buf_t request, reply;
    pthread_t thread;
} port;

static void *serve(void *arg)
{
    port *p = arg;
    uint8_t b[4096];
    ssize_t n = recv(p->fd, b, sizeof b, 0);
    if (n > 0) buf_put(&p->request, b, (size_t)n);
    for (size_t at = 0; at < p->reply.n; at++) /* byte by byte: the reader must put it together */
        if (send(p->fd, p->reply.p + at, 1, MSG_NOSIGNAL) < 0) break;
    shutdown(p->fd, SHUT_WR);
    return NULL;
}

static int start(port *p)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    p->fd = fds[1];
    assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
    return fds[0];
}

static void stop(port *p, int fd)
{
    close(fd);
    pthread_join(p->thread, NULL);
    close(p->fd);
    buf_free(&p->request);
    buf_free(&p->reply);
}

static void put_head(buf_t *b, size_t payload, uint8_t set, uint8_t command)
{
    buf_put(b, "DOTNET_IPC_V1", 14);
    buf_u16(b, (uint16_t)(20 + payload));
    buf_u8(b, set);
    buf_u8(b, command);
    buf_u16(b, 0);
}

static void put_text(buf_t *b, const char *s)
{
    size_t n = strlen(s);
    buf_u32(b, (uint32_t)n + 1);
    for (size_t i = 0; i <= n; i++)
        buf_u16(b, (uint16_t)s[i]);
}

static void put_info(buf_t *out, bool third)
{
    buf_t b = {0};
    if (third) buf_u32(&b, 1);
    buf_u64(&b, 42);
    buf_put(&b, (uint8_t[16]){0}, 16);
    put_text(&b, "dotnet Shop.dll");
    put_text(&b, "Linux");
    put_text(&b, "x64");
    put_text(&b, "Shop");
    put_text(&b, "10.0.12");
    if (third) put_text(&b, "linux-x64");
    put_head(out, b.n, 0xFF, 0);
    buf_put(out, b.p, b.n);
    buf_free(&b);
}

static void process_info_is_read(void **state)
{
    (void)state;
    port p = {0};
    put_info(&p.reply, true);
    int fd = start(&p);
    arena a = {0};
    clr_process_info info;
    err_t e = {0};
    assert_true(clr_ipc_process_info((int[2]){fd, -1}, &a, &info, 5000, NULL, &e));
    assert_int_equal(info.pid, 42);
    assert_string_equal(info.command, "dotnet Shop.dll");
    assert_string_equal(info.entry, "Shop");
    assert_string_equal(info.version, "10.0.12");
    assert_string_equal(info.rid, "linux-x64");
    arena_free(&a);
    stop(&p, fd);
}

static void an_older_runtime_is_asked_again(void **state)
{
    (void)state;
    port p = {0}, q = {0};
    put_head(&p.reply, 4, 0xFF, 0xFF);
    buf_u32(&p.reply, (uint32_t)CLR_UNKNOWN_COMMAND);
    put_info(&q.reply, false);
    int fd = start(&p), second = start(&q);
    arena a = {0};
    clr_process_info info;
    err_t e = {0};
    assert_true(clr_ipc_process_info((int[2]){fd, second}, &a, &info, 5000, NULL, &e));
    assert_string_equal(info.entry, "Shop");
    assert_string_equal(info.rid, "");
    arena_free(&a);
    stop(&p, fd);
    stop(&q, second);
}

static void every_cut_of_process_info_is_an_error(void **state)
{
    (void)state;
    buf_t whole = {0};
    put_info(&whole, true);
    for (size_t n = 20; n < whole.n; n++) {
        port p = {0};
        put_head(&p.reply, n - 20, 0xFF, 0);
        buf_put(&p.reply, whole.p + 20, n - 20);
        int fd = start(&p);
        arena a = {0};
        clr_process_info info;
        err_t e = {0};
        assert_false(clr_ipc_process_info((int[2]){fd, -1}, &a, &info, 5000, NULL, &e));
        assert_int_equal(e.code, ERR_FORMAT);
        arena_free(&a);
        stop(&p, fd);
    }
    buf_free(&whole);
}

static void attach_sends_what_the_protocol_says(void **state)
{
    (void)state;
    port p = {0};
    put_head(&p.reply, 4, 0xFF, 0);
    buf_u32(&p.reply, 0);
    int fd = start(&p);
    err_t e = {0};
    int32_t hr = -1;
    assert_true(clr_ipc_attach(fd, &clr_profiler_clsid, "/a", "xy", 2, 3000, &hr, &e));
    assert_int_equal(hr, 0);
    pthread_join(p.thread, NULL);
    static const uint8_t want[] = {'D',  'O',  'T',     'N',  'E',  'T',  '_',  'I',  'P',  'C',  '_',  'V',
                                   '1',  0,    20 + 36, 0,    3,    1,    0,    0,    0xB8, 0x0B, 0,    0,
                                   0x2A, 0x7C, 0x3D,    0x4F, 0x1E, 0x8B, 0x56, 0x4D, 0x9A, 0x57, 0x2E, 0x6A,
                                   0x1D, 0x0C, 0x5B,    0x71, 3,    0,    0,    0,    '/',  0,    'a',  0,
                                   0,    0,    2,       0,    0,    0,    'x',  'y'};
    assert_int_equal(p.request.n, sizeof want);
    assert_memory_equal(p.request.p, want, sizeof want);
    p.thread = pthread_self();
    close(fd);
    close(p.fd);
    buf_free(&p.request);
    buf_free(&p.reply);
}

static void a_refusal_comes_in_words(void **state)
{
    (void)state;
    port p = {0};
    put_head(&p.reply, 4, 0xFF, 0xFF);
    buf_u32(&p.reply, (uint32_t)CLR_PROFILER_ALREADY_ACTIVE);
    int fd = start(&p);
    err_t e = {0};
    int32_t hr = 0;
    assert_false(clr_ipc_attach(fd, &clr_profiler_clsid, "/a", NULL, 0, 3000, &hr, &e));
    assert_int_equal(hr, CLR_PROFILER_ALREADY_ACTIVE);
    assert_int_equal(e.code, ERR_RUNTIME);
    assert_non_null(strstr(e.text, "another profiler"));
    assert_non_null(strstr(e.text, "8013136a"));
    stop(&p, fd);
}

static void garbage_and_silence_are_errors(void **state)
{
    (void)state;
    port p = {0};
    buf_str(&p.reply, "HTTP/1.1 400 Bad Request\r\n");
    int fd = start(&p);
    err_t e = {0};
    assert_false(clr_ipc_attach(fd, &clr_profiler_clsid, "/a", NULL, 0, 3000, NULL, &e));
    assert_int_equal(e.code, ERR_FORMAT);
    stop(&p, fd);

    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_false(clr_ipc_attach(fds[0], &clr_profiler_clsid, "/a", NULL, 0, 20, NULL, &e)); /* nobody answers */
    assert_int_equal(e.code, ERR_UNREACHABLE);
    close(fds[1]);
    assert_false(clr_ipc_attach(fds[0], &clr_profiler_clsid, "/a", NULL, 0, 1000, NULL, &e));
    close(fds[0]);
}

static void unknown_results_have_words_too(void **state)
{
    (void)state;
    assert_non_null(strstr(clr_hresult_text((int32_t)0x8badf00d), "no name"));
    assert_non_null(strstr(clr_hresult_text((int32_t)0x8013137E), "collectible"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_info_is_read),
        cmocka_unit_test(an_older_runtime_is_asked_again),
        cmocka_unit_test(every_cut_of_process_info_is_an_error),
        cmocka_unit_test(attach_sends_what_the_protocol_says),
        cmocka_unit_test(a_refusal_comes_in_words),
        cmocka_unit_test(garbage_and_silence_are_errors),
        cmocka_unit_test(unknown_results_have_words_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
