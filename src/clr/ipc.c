#include "clr/ipc.h"
#include "clr/hresult.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 20, SET_AT = 16, COMMAND_AT = 17 };
enum { SET_PROFILER = 3, SET_PROCESS = 4, SET_SERVER = 0xFF };
enum { ATTACH_PROFILER = 1, PROCESS_INFO_2 = 4, PROCESS_INFO_3 = 8, SERVER_OK = 0 };

static const char magic[14] = "DOTNET_IPC_V1";

static int64_t now_ms(void)
{
    return (int64_t)(clock_ns(CLOCK_MONOTONIC) / 1000000);
}

/* Waits for `events` on fd until `deadline`. */
static bool wait_for(int fd, short events, int64_t deadline, err_t *e)
{
    for (;;) {
        int64_t left = deadline - now_ms();
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, left > 0 ? (int)left : 0);
        if (n > 0) return true;
        if (n == 0) return err_set(e, ERR_UNREACHABLE, -1, "the runtime's diagnostics port did not answer in time");
        if (errno != EINTR) return err_errno(e, "waiting for the diagnostics port");
    }
}

static bool send_all(int fd, const uint8_t *p, size_t n, int64_t deadline, err_t *e)
{
    while (n) {
        if (!wait_for(fd, POLLOUT, deadline, e)) return false;
        ssize_t did = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (did < 0 && errno != EINTR && errno != EAGAIN) return err_errno(e, "sending to the diagnostics port");
        if (did > 0) {
            p += did;
            n -= (size_t)did;
        }
    }
    return true;
}

static bool receive_all(int fd, uint8_t *p, size_t n, int64_t deadline, err_t *e)
{
    while (n) {
        if (!wait_for(fd, POLLIN, deadline, e)) return false;
        ssize_t did = recv(fd, p, n, MSG_DONTWAIT);
        if (did == 0)
            return err_set(e, ERR_UNREACHABLE, -1, "the runtime closed its diagnostics port without an answer");
        if (did < 0 && errno != EINTR && errno != EAGAIN) return err_errno(e, "reading from the diagnostics port");
        if (did > 0) {
            p += did;
            n -= (size_t)did;
        }
    }
    return true;
}

static bool refused(int32_t code, err_t *e)
{
    return err_set(e, ERR_RUNTIME, -1, "%s (%08x)", clr_hresult_text(code), (unsigned)code);
}

/*
 * One request, one reply; *out receives the payload of a reply that is fine. The reply's size field is 16 bits wide, so
 * that is the bound.
 */
static bool exchange(int fd, uint8_t set, uint8_t command, const buf_t *payload, buf_t *out, int timeout_ms,
                     int32_t *hr, err_t *e)
{
    int64_t deadline = now_ms() + timeout_ms;
    buf_t b = {0};
    size_t size = HEADER + payload->n;
    if (size > UINT16_MAX)
        return err_set(e, ERR_LIMIT, -1, "a request of %zu bytes is too long for the diagnostics port", size);
    buf_put(&b, magic, sizeof magic);
    buf_u16(&b, (uint16_t)size);
    buf_u8(&b, set);
    buf_u8(&b, command);
    buf_u16(&b, 0);
    buf_put(&b, payload->p, payload->n);
    bool ok = !b.failed || err_set(e, ERR_MEMORY, -1, "out of memory");
    ok = ok && send_all(fd, b.p, b.n, deadline, e);
    buf_free(&b);

    uint8_t head[HEADER];
    if (!ok || !receive_all(fd, head, HEADER, deadline, e)) return false;
    uint16_t total = (uint16_t)(head[14] | head[15] << 8);
    if (memcmp(head, magic, sizeof magic) != 0 || total < HEADER || head[SET_AT] != SET_SERVER)
        return err_set(e, ERR_FORMAT, 0, "what answers on the diagnostics port is not a .NET runtime");
    uint8_t *body = malloc((size_t)total - HEADER + 1);
    if (!body) return err_set(e, ERR_MEMORY, -1, "out of memory");
    ok = receive_all(fd, body, (size_t)total - HEADER, deadline, e);
    if (ok && head[COMMAND_AT] != SERVER_OK) {
        int32_t code = CLR_UNKNOWN_ERROR;
        if (total >= HEADER + 4) memcpy(&code, body, sizeof code);
        if (hr) *hr = code;
        ok = refused(code, e);
    }
    if (ok) buf_put(out, body, (size_t)total - HEADER);
    free(body);
    return ok;
}

typedef struct cursor {
    const uint8_t *p, *end;
    bool bad;
} cursor;

static void take(cursor *c, void *to, size_t n)
{
    memset(to, 0, n);
    if (c->bad || (size_t)(c->end - c->p) < n) {
        c->bad = true;
        return;
    }
    memcpy(to, c->p, n);
    c->p += n;
}

static const char *take_text(cursor *c, arena *a)
{
    uint32_t units;
    take(c, &units, sizeof units);
    if (c->bad || units > (size_t)(c->end - c->p) / 2) {
        c->bad = true;
        return "";
    }
    uint16_t *s = arena_array(a, units + (size_t)1, 2); /* a copy: the payload need not be aligned */
    if (!s) return "";
    take(c, s, (size_t)units * 2);
    while (units && s[units - 1] == 0)
        units--;
    buf_t b = {0};
    text_utf16_to_utf8(&b, s, units);
    const char *text = arena_strdup(a, buf_cstr(&b));
    buf_free(&b);
    return text ? text : "";
}

static bool read_info(const buf_t *b, bool third, arena *a, clr_process_info *out, err_t *e)
{
    cursor c = {.p = b->p, .end = b->p + b->n};
    uint8_t cookie[16];
    uint32_t version;
    if (third) take(&c, &version, sizeof version);
    take(&c, &out->pid, sizeof out->pid);
    take(&c, cookie, sizeof cookie);
    out->command = take_text(&c, a);
    take_text(&c, a); /* the operating system */
    out->arch = take_text(&c, a);
    out->entry = take_text(&c, a);
    out->version = take_text(&c, a);
    out->rid = third ? take_text(&c, a) : "";
    if (c.bad) return err_set(e, ERR_FORMAT, c.p - b->p, "the diagnostics port answered with a malformed ProcessInfo");
    return true;
}

bool clr_ipc_process_info(const int fds[2], arena *a, clr_process_info *out, int timeout_ms, int32_t *hr, err_t *e)
{
    buf_t none = {0}, reply = {0};
    int32_t code = 0;
    bool third = true;
    bool ok = exchange(fds[0], SET_PROCESS, PROCESS_INFO_3, &none, &reply, timeout_ms, &code, e);
    if (!ok && code == CLR_UNKNOWN_COMMAND && fds[1] >= 0) {
        third = false;
        ok = exchange(fds[1], SET_PROCESS, PROCESS_INFO_2, &none, &reply, timeout_ms, &code, e);
    }
    if (hr) *hr = code;
    ok = ok && (!reply.failed || err_set(e, ERR_MEMORY, -1, "out of memory")) && read_info(&reply, third, a, out, e);
    buf_free(&reply);
    return ok;
}

bool clr_ipc_attach(int fd, const clr_guid *clsid, const char *path, const void *data, uint32_t size, int timeout_ms,
                    int32_t *hr, err_t *e)
{
    arena a = {0};
    buf_t request = {0}, reply = {0};
    size_t units;
    uint16_t *wide = text_utf8_to_utf16(&a, path, &units);
    if (!wide) return err_set(e, ERR_MEMORY, -1, "out of memory");
    buf_u32(&request, (uint32_t)timeout_ms);
    buf_put(&request, clsid, sizeof *clsid); /* little-endian, as it lies in memory */
    buf_u32(&request, (uint32_t)units);
    buf_put(&request, wide, units * 2);
    buf_u32(&request, size);
    buf_put(&request, data, size);
    arena_free(&a);
    int32_t code = 0;
    bool ok = !request.failed || err_set(e, ERR_MEMORY, -1, "out of memory");
    ok = ok && exchange(fd, SET_PROFILER, ATTACH_PROFILER, &request, &reply, timeout_ms, &code, e);
    if (ok && reply.n >= 4) memcpy(&code, reply.p, sizeof code);
    if (ok && code < 0) ok = refused(code, e);
    if (hr) *hr = code;
    buf_free(&request);
    buf_free(&reply);
    return ok;
}
