/* The control thread: a poll loop over the listening socket, the clients and a wake-up. The only thread that the agent
 * has. */
#include "agent/agent-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LINGER_MS     200u
#define SESSIONS_MOST 64
#define KEPT_MS       1000  /* without a turn: a lock, or a request that took long */
#define SURPLUS_MOST  8     /* connections beyond that, which are told so */
#define SILENCE_MS    10000 /* how long one may wait with its HELLO */
#define READS_MOST    64    /* of one session in a turn: the others must have theirs */
#define TICK_MS       100
#define ROUNDS_MOST   8 /* in the middle of a request that takes long: it is to go on */
#define OUT_MOST      ((size_t)64 << 20)

static control the;

static void wake(void *owner)
{
    control *c = owner;
    ssize_t n = write(c->wake, &(uint64_t){1}, 8);
    (void)n; /* full means that it is awake already */
}

/* ---- sessions ---- */

static void session_close(control *c, session *s)
{
    if (s->client) {
        eng_client_end(c->g, s->client);
        journal_line("pid %d: %s (pid %u, user %s) has gone; its instrumentation is reverted", (int)getpid(),
                     s->who.name, s->who.pid, s->who.user);
    }
    close(s->fd);
    buf_free(&s->in);
    buf_free(&s->out);
    free(s);
}

static uint64_t now_ms(void)
{
    return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* Without those that have ended and will be let go behind this turn. */
static size_t count_sessions(const control *c)
{
    size_t live = 0;
    for (const session *s = c->sessions; s; s = s->next)
        live += !s->dead;
    return live;
}

static void accept_one(control *c)
{
    int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        c->deaf = errno != EAGAIN && errno != EINTR && errno != ECONNABORTED;
        return;
    }
    struct ucred peer;
    socklen_t size = sizeof peer;
    size_t live = count_sessions(c);
    bool allowed =
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == geteuid() || peer.uid == 0);
    session *s = allowed && live < SESSIONS_MOST + SURPLUS_MOST ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        close(fd);
        return;
    }
    s->fd = fd;
    s->pass_fd = -1;
    s->since_ms = now_ms();
    s->surplus = live >= SESSIONS_MOST;
    s->who.pid = (uint32_t)peer.pid;
    s->who.uid = peer.uid;
    s->next = c->sessions;
    c->sessions = s;
}

/* Takes the whole messages out of the session's input. */
static void take_messages(control *c, session *s)
{
    size_t at = 0;
    while (!s->dead && s->in.n - at >= sizeof(wire_header)) {
        wire_header h;
        err_t e = {0};
        memcpy(&h, s->in.p + at, sizeof h);
        if (!wire_header_check(&h, WIRE_REQUEST_MOST, &e)) {
            buf_t reply = {0};
            wire_begin(&reply, WIRE_ERROR, h.request);
            wire_u32(&reply, WIRE_T_CODE, e.code);
            wire_text(&reply, WIRE_T_TEXT, e.text);
            wire_end(&reply, 0);
            session_send(s, &reply, -1);
            s->dead = true; /* the stream cannot be followed any further */
            break;
        }
        if (s->in.n - at < sizeof h + h.size) break;
        s->held = c->busy && !session_may_answer(s, h.kind);
        if (s->held) break;
        session_message(c, s, &h, s->in.p + at + sizeof h);
        at += sizeof h + h.size;
    }
    memmove(s->in.p, s->in.p + at, s->in.n - at);
    s->in.n -= at;
}

static void session_read(control *c, session *s)
{
    uint8_t chunk[16384];
    if (s->held) take_messages(c, s);
    for (int i = 0; i < READS_MOST && !s->held && !s->dead; i++) {
        ssize_t n = read(s->fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) {
            s->dead = true;
            break;
        }
        buf_put(&s->in, chunk, (size_t)n);
        if (s->in.failed) s->dead = true;
        take_messages(c, s);
    }
}

static ssize_t send_some(session *s)
{
    size_t end = s->out.n;
    bool pass = s->pass_fd >= 0 && s->out_at == s->pass_at;
    if (s->pass_fd >= 0 && s->out_at < s->pass_at)
        end = s->pass_at; /* the descriptor goes with the first byte of its message */
    struct iovec v = {s->out.p + s->out_at, end - s->out_at};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int))];
    if (pass) {
        m.msg_control = space;
        m.msg_controllen = sizeof space;
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &s->pass_fd, sizeof(int));
    }
    ssize_t n = sendmsg(s->fd, &m, MSG_NOSIGNAL);
    if (n > 0 && pass) s->pass_fd = -1;
    return n;
}

static void session_write(session *s)
{
    while (s->out_at < s->out.n) {
        ssize_t n = send_some(s);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            s->dead = true;
            return;
        }
        s->out_at += (size_t)n;
    }
    s->out.n = s->out_at = 0;
}

/* Gives the room of what was sent back. */
static void compact(session *s)
{
    if (s->out_at < s->out.n / 2) return;
    memmove(s->out.p, s->out.p + s->out_at, s->out.n - s->out_at);
    s->out.n -= s->out_at;
    if (s->pass_fd >= 0) s->pass_at -= s->out_at;
    s->out_at = 0;
}

void session_send(session *s, buf_t *message, int fd)
{
    if (s->out_at) compact(s);
    if (fd >= 0) {
        s->pass_fd = fd;
        s->pass_at = s->out.n;
    }
    buf_put(&s->out, message->p, message->n);
    if (message->failed || s->out.failed || s->out.n - s->out_at > OUT_MOST) s->dead = true;
    buf_free(message);
    if (!s->dead) session_write(s);
}

static void reap(control *c)
{
    for (session **at = &c->sessions; *at;) {
        session *s = *at;
        if (!s->dead) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        session_close(c, s);
    }
}

/* ---- debuggers ---- */

#define RENEWALS 10 /* ticks */

void control_look_for_debugger(control *c)
{
    if (c->pipes < 0) c->pipes = agent_debugger_watch();
    eng_debugger(c->g, agent_debugged());
}

/* What is watched may be about to be replaced by new pipes of the same names: they are looked for a few times. */
static void look_again(control *c)
{
    close(c->pipes);
    c->pipes = -1;
    c->renewals = RENEWALS;
    control_look_for_debugger(c);
}

static void renew_watch(control *c)
{
    if (!c->renewals || !c->sessions) return;
    c->renewals--;
    if (c->pipes >= 0) close(c->pipes);
    c->pipes = -1;
    control_look_for_debugger(c);
}

/* Each user has few of these descriptors: without clients nobody needs one. */
static void stop_watching(control *c)
{
    if (c->sessions || c->pipes < 0) return;
    close(c->pipes);
    c->pipes = -1;
}

/* ---- the loop ---- */

static void say_goodbye(control *c)
{
    for (session *s = c->sessions; s; s = s->next) {
        buf_t m = {0};
        wire_begin(&m, WIRE_NOTICE_END, 0);
        wire_text(&m, WIRE_T_TEXT, "the process is ending");
        wire_end(&m, 0);
        session_send(s, &m, -1);
    }
}

#define OWN_FDS 3 /* in the array of those that are waited for */

/*
 * What is waited for of a session. From who waits for another's request nothing is read; of that one itself, whose
 * input is being worked on, it is only seen whether it has gone.
 */
static struct pollfd wish_of(const control *c, const session *s)
{
    short events = s->out.n > s->out_at ? POLLOUT : 0;
    if (!(c->busy && s->held)) events |= s == c->busy ? POLLRDHUP : POLLIN;
    return (struct pollfd){.fd = events ? s->fd : -1, .events = events};
}

/* How long nothing may happen before there is something to do all the same; -1: for ever. */
static int patience(control *c)
{
    for (const session *s = c->sessions; s; s = s->next)
        if (s->held && !s->dead) return 0;
    if (!c->sessions) return c->woken || c->deaf || eng_has_chores(c->g) ? TICK_MS : -1;
    return governor_patience(c, TICK_MS);
}

/* Waits so long for whoever has sent or can be sent something, or comes in, and sees to them. False: there was nobody.
 */
static bool serve(control *c, int most_ms)
{
    struct pollfd fds[SESSIONS_MOST + SURPLUS_MOST + OWN_FDS];
    session *of[RJ_COUNT(fds)];
    nfds_t n = OWN_FDS;
    uint64_t drained;
    fds[0] = (struct pollfd){.fd = c->deaf ? -1 : c->listener, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = c->wake, .events = POLLIN};
    fds[2] = (struct pollfd){.fd = c->busy ? -1 : c->pipes, .events = POLLIN};
    for (session *s = c->sessions; s; s = s->next) {
        if (s->dead) continue;
        of[n] = s;
        fds[n++] = wish_of(c, s);
    }
    c->deaf = false;
    int ready = poll(fds, n, most_ms);
    if (ready < 0) return false;
    if (fds[1].revents & POLLIN && read(c->wake, &drained, sizeof drained) > 0) {
        c->woken = true;
        session_tell_types(c, NULL);
    }
    if (fds[2].revents & POLLIN) look_again(c);
    for (nfds_t i = OWN_FDS; i < n; i++) {
        if (of[i]->dead) continue; /* since, in the middle of the request of one before it */
        if (fds[i].revents & POLLOUT) session_write(of[i]);
        if (of[i] == c->busy) {
            of[i]->dead |= (fds[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
            continue;
        }
        bool waited = of[i]->held && !c->busy;
        if (waited || fds[i].revents & (POLLIN | POLLHUP | POLLERR)) session_read(c, of[i]);
    }
    if (fds[0].revents & POLLIN) accept_one(c);
    return ready > 0;
}

/* Those who wait, and whose request it is. */
static void tell_progress(control *c, session *busy, size_t done, size_t total)
{
    uint64_t now = now_ms();
    for (session *s = c->sessions; s; s = s->next) {
        if ((s != busy && !s->held) || s->dead || now - s->told_ms < TICK_MS) continue;
        session_progress(s, s == busy ? NULL : busy, done, total);
        s->told_ms = now;
    }
}

/* Those who have gone meanwhile are let go later, what was for them at once. */
static void shed(control *c)
{
    for (session *s = c->sessions; s; s = s->next) {
        if (!s->dead || s == c->busy) continue;
        buf_free(&s->in);
        buf_free(&s->out);
        s->out_at = 0;
    }
}

void control_meanwhile(control *c, session *busy, size_t done, size_t total, uint64_t rest_ns)
{
    uint64_t now = now_ms(), until = now + rest_ns / 1000000;
    c->busy = busy;
    for (int i = 0; i < ROUNDS_MOST || now < until; i++) {
        if (!serve(c, now < until ? (int)(until - now) : 0)) break;
        tell_progress(c, busy, done, total);
        now = now_ms();
    }
    tell_progress(c, busy, done, total);
    shed(c);
    c->busy = NULL;
}

static void turn(control *c)
{
    serve(c, patience(c));
    uint64_t now = now_ms();
    const bool kept = now - c->turned_ms > KEPT_MS;
    c->turned_ms = now;
    for (session *s = c->sessions; s; s = s->next) {
        if (!s->client && now - s->since_ms > SILENCE_MS) s->dead = true;
        if (!s->client || s->dead) continue;
        session_news(c, s);
        session_govern(c, s, kept);
    }
    governor_look(c);
}

/*
 * The process ends: clients may still ask what the last calls mean. They have closed their end when they know it all.
 * Nothing is reverted any more.
 */
static void linger(control *c)
{
    uint64_t until = now_ms() + LINGER_MS;
    for (;;) {
        bool anybody = false;
        for (const session *s = c->sessions; s; s = s->next)
            anybody |= s->memory_sent && !s->dead;
        if (!anybody || now_ms() >= until) return;
        turn(c);
    }
}

/* Raises one of the flags that others wait for. */
static void tell(control *c, bool *flag)
{
    pthread_mutex_lock(&c->lock);
    *flag = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static void *run(void *owner)
{
    control *c = owner;
    uint64_t ticked = 0;
    eng_thread_is_own();
    pthread_mutex_lock(&c->lock);
    while (!c->serving && !c->ending)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
    for (;;) {
        turn(c);
        reap(c);
        stop_watching(c);
        pthread_mutex_lock(&c->lock);
        bool ending = c->ending;
        pthread_mutex_unlock(&c->lock);
        if (ending) break;
        uint64_t now = now_ms();
        if (now - ticked < TICK_MS) continue;
        ticked = now;
        c->woken = false;
        eng_tick(c->g);
        renew_watch(c);
    }
    say_goodbye(c);
    linger(c);
    tell(c, &c->ended);
    return NULL;
}

static bool listen_at(control *c, err_t *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int n = snprintf(a.sun_path, sizeof a.sun_path, WIRE_SOCKET_FORMAT, agent_tmp(), (int)getpid());
    if (n < 0 || (size_t)n >= sizeof a.sun_path)
        return err_set(e, ERR_LIMIT, -1, "the socket's path in %s is too long", agent_tmp());
    memcpy(c->path, a.sun_path, sizeof c->path);
    c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->listener < 0) return err_errno(e, "making the control socket");
    /* Mode first, then bind: nobody else can connect in between, and the process's umask is left alone. */
    fchmod(c->listener, 0600);
    unlink(c->path);
    if (bind(c->listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(c->listener, 16) < 0)
        return err_errno(e, "listening at %s", c->path);
    return true;
}

bool agent_control_start(eng *g, agent_origin origin, err_t *e)
{
    control *c = &the;
    c->g = g;
    c->origin = origin;
    c->serving = origin == AGENT_STARTED; /* nothing has been loaded yet */
    c->pipes = -1;
    agent_log_start();
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->wake < 0) return err_errno(e, "making an eventfd");
    if (!listen_at(c, e)) return false;
    eng_on_news(g, wake, c);
    probe_types_wake(c->wake);
    return eng_thread_start(NULL, "rejit-agent", false, run, c, e);
}

void agent_control_serve(void)
{
    tell(&the, &the.serving);
}

void control_gates_opened(control *c)
{
    tell(c, &c->gates_opened);
}

static struct timespec deadline(unsigned ms)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

void agent_control_wait(unsigned most_ms)
{
    struct timespec until = deadline(most_ms);
    pthread_mutex_lock(&the.lock);
    while (!the.gates_opened && pthread_cond_timedwait(&the.changed, &the.lock, &until) != ETIMEDOUT) {
    }
    pthread_mutex_unlock(&the.lock);
}

void agent_control_end(void)
{
    if (!the.g) return;
    unlink(the.path);
    struct timespec until = deadline(LINGER_MS + 50);
    pthread_mutex_lock(&the.lock);
    the.ending = true;
    pthread_cond_broadcast(&the.changed);
    wake(&the);
    while (!the.ended && pthread_cond_timedwait(&the.changed, &the.lock, &until) != ETIMEDOUT) {
    }
    pthread_mutex_unlock(&the.lock);
}
