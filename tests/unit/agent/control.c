/* The control socket as clients meet it: good ones, slow ones, broken ones, too many, and those that vanish. */
#include "../engine/fake_runtime.h"
#include "agent/agent-priv.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { CORE, COLLECTIONS, LINQ };
static const char *paths[3];
static fake_runtime rt;
static char folder[] = "/tmp/rejit-unit-XXXXXX", path[108];

/* ---- a client ---- */

typedef struct message {
    wire_header head;
    buf_t body;
    int fd; /* that came with its first byte, or -1; closed with the next message */
} message;

static int dial(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path, path, sizeof a.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval most = {.tv_sec = 30};
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void transmit(int fd, const void *p, size_t n)
{
    const uint8_t *at = p;
    while (n) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
        assert_true(sent > 0);
        at += sent;
        n -= (size_t)sent;
    }
}

static void transmit_message(int fd, buf_t *b)
{
    wire_end(b, 0);
    transmit(fd, b->p, b->n);
    buf_free(b);
}

static void ask(int fd, wire_kind kind, uint32_t number)
{
    buf_t b = {0};
    wire_begin(&b, kind, number);
    transmit_message(fd, &b);
}

/* Exactly n bytes and the descriptor that comes with them; false at the end of the stream. */
static bool receive(int fd, void *p, size_t n, int *passed)
{
    uint8_t *at = p;
    while (n) {
        _Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int))];
        struct iovec v = {at, n};
        struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
        ssize_t got = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
        if (got <= 0) return false;
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        if (h && h->cmsg_type == SCM_RIGHTS) {
            assert_non_null(passed);
            if (passed) memcpy(passed, CMSG_DATA(h), sizeof(int));
        }
        at += got;
        n -= (size_t)got;
    }
    return true;
}

static bool next_message(int fd, message *m)
{
    buf_free(&m->body);
    if (m->fd >= 0) close(m->fd);
    m->fd = -1;
    if (!receive(fd, &m->head, sizeof m->head, &m->fd)) return false;
    assert_int_equal(m->head.zero, 0);
    uint8_t *p = malloc(m->head.size + 1);
    assert_non_null(p);
    assert_true(receive(fd, p, m->head.size, NULL)); /* no descriptor in the middle */
    buf_put(&m->body, p, m->head.size);
    free(p);
    return true;
}

static void expect(int fd, message *m, wire_kind kind, uint32_t number)
{
    assert_true(next_message(fd, m));
    if (m->head.kind != (uint16_t)kind) fail_msg("a message of kind %u, not %u", m->head.kind, (unsigned)kind);
    assert_int_equal(m->head.request, number);
}

static bool field(const message *m, wire_tag tag, wire_field *out)
{
    wire_reader r = {m->body.p, m->body.p + m->body.n, false};
    while (wire_next(&r, out))
        if (out->tag == tag) return true;
    assert_false(r.bad);
    return false;
}

static uint64_t number(const message *m, wire_tag tag)
{
    wire_field f;
    assert_true(field(m, tag, &f));
    return f.n == 4 ? wire_get_u32(&f) : wire_get_u64(&f);
}

static bool says(const message *m, wire_tag tag, const char *text)
{
    wire_field f;
    assert_true(field(m, tag, &f));
    return memmem(f.p, f.n, text, strlen(text)) != NULL;
}

static unsigned count(const message *m, wire_tag tag)
{
    wire_reader r = {m->body.p, m->body.p + m->body.n, false};
    unsigned n = 0;
    for (wire_field f; wire_next(&r, &f);)
        n += f.tag == tag;
    return n;
}

static void put_hello(buf_t *b, uint32_t version)
{
    wire_begin(b, WIRE_HELLO, 1);
    wire_u32(b, WIRE_T_VERSION, version);
    wire_u32(b, WIRE_T_PID, 1);
    wire_text(b, WIRE_T_NAME, "unit test");
    wire_text(b, WIRE_T_USER, "somebody");
}

static int greet(message *m)
{
    int fd = dial();
    buf_t b = {0};
    put_hello(&b, WIRE_VERSION);
    transmit_message(fd, &b);
    expect(fd, m, WIRE_WELCOME, 1);
    return fd;
}

static void put_instrument(buf_t *b, uint32_t request, const char *pattern)
{
    wire_begin(b, WIRE_INSTRUMENT, request);
    wire_u32(b, WIRE_T_VERB, WIRE_WATCH);
    wire_text(b, WIRE_T_PATTERN, pattern);
    wire_u32(b, WIRE_T_MAX, 100);
    wire_u32(b, WIRE_T_WANT, WIRE_WANT_ARGS);
}

static void instrument(int fd, const char *pattern, message *m)
{
    buf_t b = {0};
    put_instrument(&b, 2, pattern);
    transmit_message(fd, &b);
    expect(fd, m, WIRE_PROBES, 2);
}

static void finish(int fd, message *m)
{
    buf_free(&m->body);
    if (m->fd >= 0) close(m->fd);
    close(fd);
}

/* The agent takes its time to see that a client has gone; somebody else asks until it has. */
static void until_nothing_is_connected_but(unsigned clients)
{
    message m = {.fd = -1};
    int fd = greet(&m);
    for (uint32_t i = 2;; i++) {
        ask(fd, WIRE_LIST, i);
        expect(fd, &m, WIRE_LEDGER, i);
        if (count(&m, WIRE_T_CLIENT) == clients + 1) break;
    }
    finish(fd, &m);
}

/* Nobody has anything, and what was looked at often, which stays for a minute, is told to go. */
static void assert_nothing_is_changed(void)
{
    uint32_t reverted;
    err_t e = {0};
    assert_true(eng_revert(rt.g, NULL, 0, &(eng_identity){"test", "user", 1, 0}, true, &reverted, &e));
    assert_int_equal(reverted, 0);
    assert_int_equal(fake_changed(&rt), 0);
}

/* ---- conversations ---- */

static void hello_is_answered_with_versions(void **state)
{
    (void)state;
    message m = {.fd = -1};
    int fd = greet(&m);
    assert_int_equal(number(&m, WIRE_T_VERSION), WIRE_VERSION);
    assert_int_equal(number(&m, WIRE_T_PID), getpid());
    assert_true(says(&m, WIRE_T_RUNTIME, "10.0.12"));
    finish(fd, &m);
}

static void every_request_is_answered(void **state)
{
    (void)state;
    message m = {.fd = -1};
    int fd = greet(&m);
    instrument(fd, "LinkedList<T>.*", &m);
    unsigned probes = count(&m, WIRE_T_PROBE);
    assert_true(probes > 10);
    assert_true(m.fd >= 0); /* the shared memory */
    struct stat st;
    assert_int_equal(fstat(m.fd, &st), 0);
    assert_int_equal(st.st_size, number(&m, WIRE_T_MEMORY));
    buf_t b = {0};
    wire_begin(&b, WIRE_GATE, 3);
    wire_u32(&b, WIRE_T_OPEN, 1);
    transmit_message(fd, &b);
    expect(fd, &m, WIRE_OK, 3);
    ask(fd, WIRE_LIST, 4);
    expect(fd, &m, WIRE_LEDGER, 4);
    assert_int_equal(count(&m, WIRE_T_ENTRY), probes);
    assert_true(number(&m, WIRE_T_BYTES) > 1000);
    wire_begin(&b, WIRE_FIND, 5);
    wire_text(&b, WIRE_T_PATTERN, "LinkedList<T>.AddF*");
    transmit_message(fd, &b);
    expect(fd, &m, WIRE_METHODS, 5);
    assert_int_equal(count(&m, WIRE_T_METHOD), 2);
    wire_begin(&b, WIRE_TYPES, 6);
    wire_u64(&b, WIRE_T_ADDRESS, 0x1234567890);
    transmit_message(fd, &b);
    expect(fd, &m, WIRE_TYPES_REPLY, 6);
    assert_int_equal(count(&m, WIRE_T_TYPE), 0); /* there is no such type */
    wire_begin(&b, WIRE_FRAMES, 7);
    wire_u64(&b, WIRE_T_ADDRESS, 0x1234567890);
    transmit_message(fd, &b);
    expect(fd, &m, WIRE_FRAMES_REPLY, 7);
    assert_int_equal(count(&m, WIRE_T_FRAME), 1);
    ask(fd, WIRE_DOCTOR, 8);
    expect(fd, &m, WIRE_FACTS, 8);
    assert_true(count(&m, WIRE_T_FACT) >= 1);
    ask(fd, WIRE_UNINSTRUMENT, 9);
    expect(fd, &m, WIRE_OK, 9);
    assert_int_equal(fake_changed(&rt), 0);
    instrument(fd, "LinkedList<T>.Clear", &m);
    assert_int_equal(m.fd, -1); /* once for a connection */
    finish(fd, &m);
    until_nothing_is_connected_but(0);
    assert_nothing_is_changed();
}

static void errors_are_replies_and_the_connection_goes_on(void **state)
{
    (void)state;
    message m = {.fd = -1};
    int fd = greet(&m);
    buf_t b = {0};
    put_instrument(&b, 2, "a(b");
    transmit_message(fd, &b);
    expect(fd, &m, WIRE_ERROR, 2);
    assert_int_equal(number(&m, WIRE_T_CODE), ERR_USAGE);
    ask(fd, WIRE_INSTRUMENT, 3); /* without a verb */
    expect(fd, &m, WIRE_ERROR, 3);
    ask(fd, (wire_kind)4000, 4);
    expect(fd, &m, WIRE_ERROR, 4);
    assert_true(says(&m, WIRE_T_TEXT, "older than this command"));
    wire_begin(&b, WIRE_FIND, 5);
    buf_u16(&b, WIRE_T_PATTERN);
    buf_u16(&b, 0);
    buf_u32(&b, 1000000); /* a field that is longer than its message */
    transmit_message(fd, &b);
    expect(fd, &m, WIRE_ERROR, 5);
    assert_int_equal(number(&m, WIRE_T_CODE), ERR_FORMAT);
    ask(fd, WIRE_LIST, 6);
    expect(fd, &m, WIRE_LEDGER, 6);
    finish(fd, &m);
}

static void unknown_fields_are_passed_over(void **state)
{
    (void)state;
    message m = {.fd = -1};
    int fd = dial();
    buf_t b = {0};
    put_hello(&b, WIRE_VERSION + 7);
    wire_text(&b, (wire_tag)900, "of a later version");
    transmit_message(fd, &b);
    expect(fd, &m, WIRE_WELCOME, 1);
    assert_int_equal(number(&m, WIRE_T_VERSION), WIRE_VERSION);
    finish(fd, &m);
}

static void another_protocol_is_refused(void **state)
{
    (void)state;
    message m = {.fd = -1};
    int fd = dial();
    buf_t b = {0};
    put_hello(&b, 0);
    transmit_message(fd, &b);
    expect(fd, &m, WIRE_ERROR, 1);
    assert_int_equal(number(&m, WIRE_T_CODE), ERR_UNREACHABLE);
    finish(fd, &m);
}

/* ---- bad manners ---- */

static void closed_after_an_error(int fd, wire_kind kind, err_code code)
{
    message m = {.fd = -1};
    assert_true(next_message(fd, &m));
    assert_int_equal(m.head.kind, kind);
    assert_int_equal(number(&m, WIRE_T_CODE), code);
    assert_false(next_message(fd, &m));
    finish(fd, &m);
}

/* Who makes marks of addresses up gets one try. */
static void a_wrong_mark_ends_the_connection(void **state)
{
    (void)state;
    message m = {.fd = -1};
    buf_t b = {0};
    int fd = greet(&m);
    wire_begin(&b, WIRE_FRAMES, 7);
    for (uint64_t mark = 0; mark < 3; mark++) /* an unmarked one, and two of which one is wrong at least */
        wire_u64(&b, WIRE_T_ADDRESS, 0x1234567890 | (2 * mark + 1) << 48 >> !mark * 16);
    transmit_message(fd, &b);
    buf_free(&m.body);
    closed_after_an_error(fd, WIRE_ERROR, ERR_USAGE);
}

static void garbage_is_answered_and_ended(void **state)
{
    (void)state;
    int fd = dial();
    transmit(fd, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35);
    closed_after_an_error(fd, WIRE_ERROR, ERR_FORMAT);
    fd = dial();
    const wire_header large = {WIRE_REQUEST_MOST + 1, WIRE_HELLO, WIRE_VERSION, 1, 0};
    transmit(fd, &large, sizeof large);
    closed_after_an_error(fd, WIRE_ERROR, ERR_LIMIT);
    fd = dial();
    ask(fd, WIRE_LIST, 1); /* before HELLO */
    closed_after_an_error(fd, WIRE_ERROR, ERR_USAGE);
    hello_is_answered_with_versions(state);
}

static void who_stalls_in_the_middle_holds_nobody_up(void **state)
{
    (void)state;
    message m = {.fd = -1};
    int half = dial();
    buf_t b = {0};
    put_hello(&b, WIRE_VERSION);
    wire_end(&b, 0);
    transmit(half, b.p, 7); /* half a header */
    hello_is_answered_with_versions(state);
    transmit(half, b.p + 7, 20);
    hello_is_answered_with_versions(state);
    for (size_t i = 27; i < b.n; i++)
        transmit(half, b.p + i, 1);
    expect(half, &m, WIRE_WELCOME, 1);
    buf_free(&b);
    finish(half, &m);
}

/* A reader who does not read, with replies that fill the socket many times over, then a descriptor among them. */
static void replies_wait_for_a_slow_reader(void **state)
{
    (void)state;
    enum { LISTS = 3000 };
    message m = {.fd = -1};
    int fd = greet(&m);
    buf_t b = {0};
    for (uint32_t i = 0; i < LISTS; i++) {
        if (i == LISTS / 2) {
            put_instrument(&b, 100000, "LinkedList<T>.*");
            wire_end(&b, 0);
            transmit(fd, b.p, b.n);
            buf_free(&b);
        }
        wire_begin(&b, WIRE_FIND, i + 2);
        wire_text(&b, WIRE_T_PATTERN, "LinkedList<T>.*");
        wire_end(&b, 0);
        transmit(fd, b.p, b.n);
        buf_free(&b);
    }
    hello_is_answered_with_versions(state); /* others are served meanwhile */
    bool memory = false;
    for (uint32_t i = 0; i < LISTS; i++) {
        if (i == LISTS / 2) {
            expect(fd, &m, WIRE_PROBES, 100000);
            memory = m.fd >= 0;
        }
        expect(fd, &m, WIRE_METHODS, i + 2);
        assert_true(count(&m, WIRE_T_METHOD) > 10);
    }
    assert_true(memory);
    finish(fd, &m);
    until_nothing_is_connected_but(0);
}

static void who_never_reads_is_let_go(void **state)
{
    (void)state;
    int fd = dial();
    buf_t b = {0};
    put_hello(&b, WIRE_VERSION);
    wire_end(&b, 0);
    transmit(fd, b.p, b.n);
    buf_free(&b);
    wire_begin(&b, WIRE_FIND, 2);
    wire_text(&b, WIRE_T_PATTERN, "System.Collections!*");
    wire_u32(&b, WIRE_T_MAX, 100000);
    wire_end(&b, 0);
    while (send(fd, b.p, b.n, MSG_NOSIGNAL) > 0) /* until the agent has had enough */
        ;
    assert_true(errno == EPIPE || errno == ECONNRESET);
    buf_free(&b);
    close(fd);
    until_nothing_is_connected_but(0);
}

/* ---- leases ---- */

static void what_a_vanished_client_instrumented_goes(void **state)
{
    (void)state;
    message m = {.fd = -1}, other = {.fd = -1};
    int stays = greet(&other), fd = greet(&m);
    instrument(stays, "LinkedList<T>.Clear", &other);
    instrument(fd, "LinkedList<T>.*", &m);
    assert_true(fake_changed(&rt) > 10);
    finish(fd, &m); /* as the kernel does for one that was killed */
    until_nothing_is_connected_but(1);
    ask(stays, WIRE_LIST, 9);
    expect(stays, &other, WIRE_LEDGER, 9);
    assert_int_equal(count(&other, WIRE_T_ENTRY), 1);
    finish(stays, &other);
    until_nothing_is_connected_but(0);
    assert_nothing_is_changed();
}

static void a_request_that_its_client_did_not_wait_for_is_undone(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        int fd = dial();
        buf_t b = {0};
        put_hello(&b, WIRE_VERSION);
        wire_end(&b, 0);
        transmit(fd, b.p, b.n);
        buf_free(&b);
        put_instrument(&b, 2, "LinkedList<T>.*");
        transmit_message(fd, &b);
        close(fd);
    }
    until_nothing_is_connected_but(0);
    assert_nothing_is_changed();
}

static void others_hear_of_a_revert(void **state)
{
    (void)state;
    message m = {.fd = -1}, other = {.fd = -1};
    int fd = greet(&m), reverter = greet(&other);
    instrument(fd, "LinkedList<T>.Clear", &m);
    ask(reverter, WIRE_REVERT, 2);
    expect(reverter, &other, WIRE_OK, 2);
    assert_int_equal(number(&other, WIRE_T_COUNT), 1);
    expect(fd, &m, WIRE_NOTICE_REVERTED, 0);
    assert_true(says(&m, WIRE_T_TEXT, "unit test"));
    assert_int_equal(fake_changed(&rt), 0);
    finish(fd, &m);
    finish(reverter, &other);
}

static void modules_that_load_later_are_news(void **state)
{
    (void)state;
    message m = {.fd = -1};
    int fd = greet(&m);
    instrument(fd, "Enumerable.Range(int,int)", &m);
    assert_int_equal(count(&m, WIRE_T_PROBE), 0);
    fake_load(&rt, LINQ); /* on this thread, which is not the agent's */
    expect(fd, &m, WIRE_NOTICE_PROBES, 0);
    assert_int_equal(count(&m, WIRE_T_PROBE), 1);
    finish(fd, &m);
    until_nothing_is_connected_but(0);
}

/* ---- a request that takes long ---- */

/* The large request stands still in each of its portions but the last ones, until the test lets it go on. */
#define STOPS 7u
static struct {
    unsigned portions;
    sem_t reached, on;
} large;

static void stop_in_portion(fake_runtime *unused)
{
    (void)unused;
    if (large.portions == STOPS) return;
    large.portions++;
    sem_post(&large.reached);
    sem_wait(&large.on);
}

static int begin_large(message *m)
{
    int fd = greet(m);
    buf_t b = {0};
    large.portions = 0;
    sem_init(&large.reached, 0, 0);
    sem_init(&large.on, 0, 0);
    rt.asked = stop_in_portion;
    wire_begin(&b, WIRE_INSTRUMENT, 2);
    wire_u32(&b, WIRE_T_VERB, WIRE_WATCH);
    wire_text(&b, WIRE_T_PATTERN, "System.Private.CoreLib!System.T*");
    wire_u32(&b, WIRE_T_MAX, 100000);
    wire_u32(&b, WIRE_T_WANT, WIRE_WANT_SYNC); /* this runtime has no types to follow calls with */
    transmit_message(fd, &b);
    sem_wait(&large.reached);
    return fd;
}

/* To the next portion. */
static void step(void)
{
    assert_true(large.portions < STOPS);
    sem_post(&large.on);
    sem_wait(&large.reached);
}

static void end_large(int fd, message *m)
{
    while (large.portions < STOPS)
        step();
    sem_post(&large.on);
    while (next_message(fd, m) && m->head.kind == WIRE_NOTICE_PROGRESS)
        ;
    assert_int_equal(m->head.kind, WIRE_PROBES);
    assert_true(count(m, WIRE_T_PROBE) > ENG_PORTION);
    rt.asked = NULL;
    finish(fd, m);
}

/* Waits for the next message portion by portion; *in holds what has come of it and what follows. */
static void expect_meanwhile(int fd, buf_t *in, message *m, wire_kind kind, uint32_t number)
{
    static uint8_t part[1 << 20];
    for (;;) {
        ssize_t n;
        while ((n = recv(fd, part, sizeof part, MSG_DONTWAIT)) > 0)
            buf_put(in, part, (size_t)n);
        if (in->n >= sizeof m->head) memcpy(&m->head, in->p, sizeof m->head);
        if (in->n >= sizeof m->head && in->n - sizeof m->head >= m->head.size) break;
        step();
    }
    size_t whole = sizeof m->head + m->head.size;
    buf_free(&m->body);
    buf_put(&m->body, in->p + sizeof m->head, m->head.size);
    memmove(in->p, in->p + whole, in->n - whole);
    in->n -= whole;
    assert_int_equal(m->head.kind, kind);
    assert_int_equal(m->head.request, number);
}

static int greet_meanwhile(buf_t *in, message *m)
{
    int fd = dial();
    buf_t b = {0};
    put_hello(&b, WIRE_VERSION);
    transmit_message(fd, &b);
    expect_meanwhile(fd, in, m, WIRE_WELCOME, 1);
    return fd;
}

/* Who comes in between its portions is let in, and shown the ledger. */
static void others_are_answered_while_a_request_takes_long(void **state)
{
    (void)state;
    message m = {.fd = -1}, other = {.fd = -1};
    buf_t in = {0};
    int fd = begin_large(&m), late = greet_meanwhile(&in, &other);
    ask(late, WIRE_TYPES, 2);
    expect_meanwhile(late, &in, &other, WIRE_TYPES_REPLY, 2);
    ask(late, WIRE_FRAMES, 3);
    expect_meanwhile(late, &in, &other, WIRE_FRAMES_REPLY, 3);
    ask(late, WIRE_LIST, 4);
    step();
    assert_int_equal(recv(late, &other.head, sizeof other.head, MSG_DONTWAIT), sizeof other.head);
    assert_int_equal(other.head.kind, WIRE_LEDGER);
    assert_true(other.head.size > STOPS * ENG_PORTION); /* millions of bytes: the rest has time */
    end_large(fd, &m);
    buf_free(&in);
    finish(late, &other);
    until_nothing_is_connected_but(0);
}

/* What would change something waits, is told for whom, and has its turn. */
static void who_would_change_something_waits_and_is_told(void **state)
{
    (void)state;
    message m = {.fd = -1}, other = {.fd = -1};
    buf_t in = {0}, b = {0};
    int fd = begin_large(&m), waits = greet_meanwhile(&in, &other);
    put_instrument(&b, 2, "LinkedList<T>.Clear");
    transmit_message(waits, &b);
    ask(waits, WIRE_LIST, 3); /* in their order */
    expect_meanwhile(waits, &in, &other, WIRE_NOTICE_PROGRESS, 0);
    assert_true(says(&other, WIRE_T_TEXT, "waiting for unit test"));
    assert_in_range(number(&other, WIRE_T_COUNT), 1, number(&other, WIRE_T_TOTAL));
    assert_int_equal(in.n, 0);
    end_large(fd, &m);
    while (next_message(waits, &other) && other.head.kind == WIRE_NOTICE_PROGRESS)
        ;
    assert_int_equal(other.head.kind, WIRE_PROBES);
    assert_int_equal(other.head.request, 2);
    assert_int_equal(count(&other, WIRE_T_PROBE), 1);
    expect(waits, &other, WIRE_LEDGER, 3);
    buf_free(&in);
    finish(waits, &other);
    until_nothing_is_connected_but(0);
    assert_nothing_is_changed();
}

/* Who waited and has gone meanwhile, with its request or in the middle of one, leaves nothing behind. */
static void who_goes_while_a_request_takes_long_leaves_nothing(void **state)
{
    (void)state;
    message m = {.fd = -1}, other = {.fd = -1};
    buf_t in = {0}, b = {0};
    int fd = begin_large(&m), waits = greet_meanwhile(&in, &other), half = greet_meanwhile(&in, &other);
    put_instrument(&b, 2, "LinkedList<T>.*");
    transmit_message(waits, &b);
    transmit(half, "half of a header", 9);
    step();
    close(waits);
    close(half);
    end_large(fd, &m);
    buf_free(&in);
    buf_free(&other.body);
    until_nothing_is_connected_but(0);
    assert_nothing_is_changed();
}

/* Nobody waits for the end of what nobody wants: it is given up, and undone. */
static void a_large_request_ends_with_its_client(void **state)
{
    (void)state;
    message m = {.fd = -1};
    int fd = begin_large(&m);
    step();
    assert_true(fake_changed(&rt) > 0);
    finish(fd, &m);
    sem_post(&large.on);
    until_nothing_is_connected_but(0);
    assert_int_equal(large.portions, 2);
    assert_nothing_is_changed();
    rt.asked = NULL;
}

/* ---- limits ---- */

static void one_connection_too_many_is_told_so(void **state)
{
    (void)state;
    enum { MOST = 64 };
    int fds[MOST];
    message m = {.fd = -1};
    for (int i = 0; i < MOST; i++)
        fds[i] = greet(&m);
    int fd = dial();
    buf_t b = {0};
    put_hello(&b, WIRE_VERSION);
    transmit_message(fd, &b);
    closed_after_an_error(fd, WIRE_ERROR, ERR_LIMIT);
    for (int i = 0; i < MOST; i++)
        close(fds[i]);
    buf_free(&m.body);
    /* Their places are free as soon as the agent has seen them go; until then the answer may be the same. */
    for (;;) {
        fd = dial();
        put_hello(&b, WIRE_VERSION);
        wire_end(&b, 0);
        bool sent = send(fd, b.p, b.n, MSG_NOSIGNAL) > 0;
        buf_free(&b);
        bool welcome = sent && next_message(fd, &m) && m.head.kind == WIRE_WELCOME;
        finish(fd, &m);
        if (welcome) break;
    }
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned open_descriptors(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static unsigned descriptors; /* at the start: nobody was connected */

/* The process has no descriptor left: the connection waits, and the agent's thread does not run in circles. */
static void without_descriptors_a_connection_waits_quietly(void **state)
{
    (void)state;
    while (open_descriptors() > descriptors) /* the agent's ends of earlier connections */
        sched_yield();
    struct rlimit before, none;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    getrlimit(RLIMIT_NOFILE, &before);
    none = (struct rlimit){(rlim_t)fd + 1, before.rlim_max}; /* it is the lowest free number: all below are taken */
    setrlimit(RLIMIT_NOFILE, &none);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path, path, sizeof a.sun_path);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    message m = {.fd = -1};
    buf_t b = {0};
    put_hello(&b, WIRE_VERSION);
    transmit_message(fd, &b);
    double cpu = cpu_seconds();
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int answers = poll(&p, 1, 500);
    cpu = cpu_seconds() - cpu;
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(answers, 0);
    assert_true(cpu < 0.1);
    expect(fd, &m, WIRE_WELCOME, 1);
    finish(fd, &m);
}

/* ---- the end ---- */

static void the_end_is_said_and_the_socket_goes(void **state)
{
    (void)state;
    message m = {.fd = -1};
    int fd = greet(&m);
    agent_control_end();
    expect(fd, &m, WIRE_NOTICE_END, 0);
    assert_int_equal(access(path, F_OK), -1);
    finish(fd, &m);
}

static int start(void **state)
{
    (void)state;
    err_t e = {0};
    if (!mkdtemp(folder)) return -1;
    setenv("TMPDIR", folder, 1);
    snprintf(path, sizeof path, WIRE_SOCKET_FORMAT, folder, (int)getpid());
    fake_start(&rt, paths, 3, 2);
    bool ok = agent_control_start(rt.g, AGENT_ATTACHED, &e);
    if (ok) agent_control_serve();
    descriptors = open_descriptors();
    return ok ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    char log[160];
    snprintf(log, sizeof log, "%s/rejit-%u.log", folder, (unsigned)geteuid());
    unlink(log);
    return rmdir(folder);
}

static void the_socket_is_private(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_socket_is_private),
        cmocka_unit_test(hello_is_answered_with_versions),
        cmocka_unit_test(every_request_is_answered),
        cmocka_unit_test(errors_are_replies_and_the_connection_goes_on),
        cmocka_unit_test(unknown_fields_are_passed_over),
        cmocka_unit_test(another_protocol_is_refused),
        cmocka_unit_test(a_wrong_mark_ends_the_connection),
        cmocka_unit_test(garbage_is_answered_and_ended),
        cmocka_unit_test(who_stalls_in_the_middle_holds_nobody_up),
        cmocka_unit_test(replies_wait_for_a_slow_reader),
        cmocka_unit_test(who_never_reads_is_let_go),
        cmocka_unit_test(what_a_vanished_client_instrumented_goes),
        cmocka_unit_test(a_request_that_its_client_did_not_wait_for_is_undone),
        cmocka_unit_test(others_hear_of_a_revert),
        cmocka_unit_test(modules_that_load_later_are_news),
        cmocka_unit_test(others_are_answered_while_a_request_takes_long),
        cmocka_unit_test(who_would_change_something_waits_and_is_told),
        cmocka_unit_test(who_goes_while_a_request_takes_long_leaves_nothing),
        cmocka_unit_test(a_large_request_ends_with_its_client),
        cmocka_unit_test(one_connection_too_many_is_told_so),
        cmocka_unit_test(without_descriptors_a_connection_waits_quietly),
        cmocka_unit_test(the_end_is_said_and_the_socket_goes), /* the last */
    };
    if (argc != 4) return 2;
    for (int i = 0; i < 3; i++)
        paths[i] = argv[i + 1];
    return cmocka_run_group_tests(tests, start, end);
}
