/* Requests and replies on the control socket. */
#include "client/client-priv.h"
#include "client/proc.h"
#include "client/sock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NEWS_MOST   (16u << 20)
#define PATIENCE_MS 1000 /* with a process that is stopped */

_Static_assert(sizeof(rj_error) == sizeof(err_t) && offsetof(rj_error, at) == offsetof(err_t, at) &&
                   offsetof(rj_error, text) == offsetof(err_t, text),
               "rj_error is err_t");
_Static_assert((int)RJ_RUNTIME == (int)ERR_RUNTIME && (int)RJ_GONE == (int)ERR_GONE, "rj_code is err_code");

void session_begin(rj_session *s, buf_t *b, wire_kind kind)
{
    wire_begin(b, kind, ++s->request);
}

bool session_gone(rj_session *s, err_t *e)
{
    /* The socket closes a moment before the process is gone for good. */
    struct pollfd p = {.fd = s->pidfd, .events = POLLIN};
    bool dead = s->pidfd >= 0 ? poll(&p, 1, 500) > 0 : proc_state(s->pid) == 0 || proc_state(s->pid) == 'Z';
    if (dead) return err_set(e, ERR_GONE, -1, "process %d has ended", s->pid);
    return err_set(e, ERR_GONE, -1, "the agent in process %d has closed the connection", s->pid);
}

/* A request that takes long goes on: the answer may take as long again. */
static void show_progress(rj_session *s, wire_reader r)
{
    uint64_t done = 0, total = 0;
    wire_field why = {.n = 0}; /* where it waits for somebody else's request */
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_COUNT) done = wire_get_u64(&f);
        if (f.tag == WIRE_T_TOTAL) total = wire_get_u32(&f);
        if (f.tag == WIRE_T_TEXT) why = f;
    }
    s->heard_ms = sock_now_ms();
    char text[200];
    if (why.n)
        snprintf(text, sizeof text, "%.*s", (int)RJ_MIN(why.n, sizeof text - 1), (const char *)why.p);
    else
        snprintf(text, sizeof text, "instrumenting: %llu of %llu methods", (unsigned long long)done,
                 (unsigned long long)total);
    if (s->progress) s->progress(s->progress_owner, text);
}

/* Moves whole messages from `in`: the reply to the current request to `reply`, news to `news`. False on garbage. */
static bool sort_messages(rj_session *s, bool *replied, err_t *e)
{
    wire_header h;
    while (s->in.n - s->in_at >= sizeof h) {
        memcpy(&h, s->in.p + s->in_at, sizeof h);
        if (!wire_header_check(&h, WIRE_REPLY_MOST, e)) return false;
        size_t whole = sizeof h + h.size;
        if (s->in.n - s->in_at < whole) break;
        const uint8_t *p = s->in.p + s->in_at;
        if (h.kind == WIRE_NOTICE_PROGRESS) {
            show_progress(s, (wire_reader){.p = p + sizeof h, .end = p + whole});
        } else if (h.request == 0) {
            if (s->news.n - s->news_at + whole <= NEWS_MOST) buf_put(&s->news, p, whole);
        } else if (h.request == s->request) {
            s->reply.n = 0;
            buf_put(&s->reply, p, whole);
            *replied = true;
        }
        s->in_at += whole;
    }
    if (s->in_at) memmove(s->in.p, s->in.p + s->in_at, s->in.n - s->in_at);
    s->in.n -= s->in_at;
    s->in_at = 0;
    if (s->in.failed || s->reply.failed || s->news.failed) return err_set(e, ERR_MEMORY, -1, "out of memory");
    return true;
}

static bool receive(rj_session *s, bool *replied, err_t *e)
{
    uint8_t part[65536];
    ssize_t n;
    while ((n = sock_receive(s->fd, part, sizeof part, &s->memory_fd)) > 0)
        buf_put(&s->in, part, (size_t)n);
    if (n < 0) s->closed = true;
    return sort_messages(s, replied, e);
}

bool session_pump(rj_session *s)
{
    bool replied = false;
    if (!s->closed && !receive(s, &replied, NULL)) s->closed = true;
    return !s->closed;
}

bool session_news(rj_session *s, wire_header *h, wire_reader *out)
{
    if (s->news.n - s->news_at < sizeof *h) {
        s->news.n = s->news_at = 0;
        return false;
    }
    const uint8_t *p = s->news.p + s->news_at;
    memcpy(h, p, sizeof *h);
    *out = (wire_reader){.p = p + sizeof *h, .end = p + sizeof *h + h->size};
    s->news_at += sizeof *h + h->size;
    return true;
}

/* An ERROR reply in words. */
static bool agent_error(wire_reader r, err_t *e)
{
    err_code code = ERR_RUNTIME;
    int64_t at = -1;
    arena a = {0};
    const char *text = "the agent refused without a reason";
    buf_t near = {0};
    for (wire_field f; wire_next(&r, &f);) {
        const char *t;
        switch (f.tag) {
        case WIRE_T_CODE:
            code = (err_code)wire_get_u32(&f);
            if (code <= ERR_NONE || code > ERR_RUNTIME) code = ERR_RUNTIME;
            break;
        case WIRE_T_AT: at = (int64_t)wire_get_u64(&f); break;
        case WIRE_T_TEXT:
            t = wire_get_text(&a, &f);
            if (t && *t) text = t;
            break;
        case WIRE_T_NEAREST:
            t = wire_get_text(&a, &f);
            if (t) buf_printf(&near, "%s%s", near.n ? ", " : "", t);
            break;
        default: break;
        }
    }
    if (near.n)
        err_set(e, code, at, "%s; near it: %s", text, buf_cstr(&near));
    else
        err_set(e, code, at, "%s", text);
    buf_free(&near);
    arena_free(&a);
    return false;
}

static bool is_stopped(const rj_session *s)
{
    char state = proc_state(s->pid);
    return state == 'T' || state == 't';
}

static bool no_answer(rj_session *s, err_t *e)
{
    if (is_stopped(s))
        return err_set(e, ERR_UNREACHABLE, -1, "process %d is stopped: let it go on (kill -CONT %d) and try again",
                       s->pid, s->pid);
    return err_set(e, ERR_UNREACHABLE, -1, "the agent in process %d did not answer within %u ms", s->pid,
                   s->timeout_ms);
}

static bool wait_reply(rj_session *s, err_t *e)
{
    s->heard_ms = sock_now_ms();
    for (;;) {
        int64_t deadline = s->heard_ms + s->timeout_ms;
        bool replied = false;
        if (!receive(s, &replied, e)) {
            s->closed = true; /* what follows garbage cannot be told apart any more */
            return false;
        }
        if (replied) return true;
        if (s->closed) return session_gone(s, e);
        int64_t now = sock_now_ms();
        if (now >= deadline || (now - s->heard_ms >= PATIENCE_MS && is_stopped(s))) return no_answer(s, e);
        if (sock_wait(s->fd, POLLIN, -1, RJ_MIN(deadline, now + PATIENCE_MS)) < 0)
            return err_errno(e, "waiting for the agent");
    }
}

bool session_ask(rj_session *s, buf_t *b, wire_kind want, wire_reader *out, err_t *e)
{
    wire_end(b, 0);
    bool ok = !b->failed || err_set(e, ERR_MEMORY, -1, "out of memory");
    if (ok && b->n > sizeof(wire_header) + WIRE_REQUEST_MOST)
        ok = err_set(e, ERR_LIMIT, -1, "the request is too long for the agent");
    if (ok && s->closed) ok = session_gone(s, e);
    ok = ok && sock_send(s->fd, b->p, b->n, sock_now_ms() + s->timeout_ms, e);
    buf_free(b);
    if (!ok || !wait_reply(s, e)) return false;
    wire_header h;
    memcpy(&h, s->reply.p, sizeof h);
    *out = (wire_reader){.p = s->reply.p + sizeof h, .end = s->reply.p + sizeof h + h.size};
    if (h.kind == WIRE_ERROR) return agent_error(*out, e);
    if (h.kind != want) return err_set(e, ERR_FORMAT, -1, "the agent answered with a message of kind %u", h.kind);
    return true;
}
