#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- memory ---- */

wire_memory *fake_plan(fake *f)
{
    return (wire_memory *)(void *)f->memory;
}

wire_slot *fake_slot(fake *f, uint32_t slot)
{
    return (wire_slot *)(void *)(f->memory + fake_plan(f)->slots_at) + slot;
}

uint8_t *fake_ring(fake *f, uint32_t slot)
{
    return f->memory + fake_plan(f)->rings_at + (size_t)FAKE_RING * slot;
}

wire_stat *fake_stat(fake *f, uint32_t slot, uint32_t probe)
{
    return (wire_stat *)(void *)(f->memory + fake_plan(f)->stats_at) + (size_t)slot * FAKE_STATS + probe;
}

static void make_memory(fake *f)
{
    wire_memory m = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .slots = FAKE_SLOTS, .ring_size = FAKE_RING};
    m.stats_max = FAKE_STATS;
    m.stat_size = sizeof(wire_stat);
    m.slots_at = 4096;
    m.rings_at = 8192;
    m.stats_at = m.rings_at + (uint64_t)FAKE_SLOTS * FAKE_RING;
    m.size = m.stats_at + 131072;
    m.ns_per_tick = 0.5;
    m.epoch_ticks = 1000;
    m.epoch_ns = UINT64_C(1700000000000000000);
    f->memory_fd = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(f->memory_fd >= 0);
    assert_int_equal(ftruncate(f->memory_fd, (off_t)m.size), 0);
    assert_int_equal(fcntl(f->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    f->memory_size = m.size;
    f->memory = mmap(NULL, m.size, PROT_READ | PROT_WRITE, MAP_SHARED, f->memory_fd, 0);
    assert_true(f->memory != MAP_FAILED);
    memcpy(f->memory, &m, sizeof m);
    for (uint32_t i = 0; i < FAKE_SLOTS; i++)
        fake_slot(f, i)->used = 1;
}

void fake_event(fake *f, uint32_t slot, const wire_event *head, const void *rest, size_t rest_size)
{
    wire_slot *s = fake_slot(f, slot);
    uint32_t size = (uint32_t)((sizeof *head + rest_size + 7) & ~(size_t)7);
    uint64_t at = s->head & (FAKE_RING - 1), to_end = FAKE_RING - at;
    if (to_end < size) {
        wire_event pad = {.size = (uint32_t)to_end, .kind = WIRE_EV_PAD};
        memcpy(fake_ring(f, slot) + at, &pad, 8);
        s->head += to_end;
        at = 0;
    }
    wire_event v = *head;
    v.size = size;
    memcpy(fake_ring(f, slot) + at, &v, sizeof v);
    if (rest_size) memcpy(fake_ring(f, slot) + at + sizeof v, rest, rest_size);
    s->written++;
    __atomic_store_n(&s->head, s->head + size, __ATOMIC_RELEASE);
}

/* ---- messages ---- */

void fake_send_raw(fake *f, const void *p, size_t n)
{
    const uint8_t *at = p;
    while (n) {
        ssize_t did = send(f->connection, at, n, MSG_NOSIGNAL);
        if (did <= 0) return;
        at += did;
        n -= (size_t)did;
    }
}

static void frame(buf_t *b, wire_kind kind, uint32_t request, const buf_t *fields)
{
    wire_begin(b, kind, request);
    if (fields) buf_put(b, fields->p, fields->n);
    wire_end(b, 0);
}

void fake_send(fake *f, wire_kind kind, uint32_t request, const buf_t *fields)
{
    buf_t b = {0};
    frame(&b, kind, request, fields);
    fake_send_raw(f, b.p, b.n);
    buf_free(&b);
}

static void send_with_memory(fake *f, uint32_t request)
{
    buf_t b = {0};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    frame(&b, WIRE_PROBES, request, &f->probes);
    struct iovec v = {b.p, b.n};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &f->memory_fd, sizeof(int));
    ssize_t sent = sendmsg(f->connection, &m, MSG_NOSIGNAL);
    if (sent > 0 && (size_t)sent < b.n) fake_send_raw(f, b.p + sent, b.n - (size_t)sent);
    buf_free(&b);
}

static void welcome(fake *f, uint32_t request)
{
    buf_t b = {0};
    wire_u32(&b, WIRE_T_VERSION, WIRE_VERSION);
    wire_text(&b, WIRE_T_AGENT, rj_version());
    wire_text(&b, WIRE_T_RUNTIME, "10.0.12");
    wire_text(&b, WIRE_T_TEXT, "ready");
    wire_u32(&b, WIRE_T_ATTACHED, 1);
    wire_u32(&b, (wire_tag)9999, 1); /* of a version to come */
    fake_send(f, WIRE_WELCOME, request, &b);
    buf_free(&b);
}

static void answer(fake *f, const wire_header *h, const uint8_t *payload)
{
    wire_reader r = {.p = payload, .end = payload + h->size};
    if (h->kind < 64) __atomic_fetch_add(&f->asked[h->kind], 1, __ATOMIC_RELAXED);
    if (f->answer && f->answer(f, h, r)) return;
    switch ((wire_kind)h->kind) {
    case WIRE_HELLO: welcome(f, h->request); return;
    case WIRE_INSTRUMENT: send_with_memory(f, h->request); return;
    case WIRE_TYPES: fake_send(f, WIRE_TYPES_REPLY, h->request, &f->types); return;
    case WIRE_GATE:
        for (wire_field w; wire_next(&r, &w);)
            if (w.tag == WIRE_T_OPEN) f->open = wire_get_u32(&w) != 0;
        fake_send(f, WIRE_OK, h->request, NULL);
        return;
    default: fake_send(f, WIRE_OK, h->request, NULL); return;
    }
}

static bool read_whole(int fd, void *p, size_t n)
{
    uint8_t *at = p;
    while (n) {
        ssize_t did = recv(fd, at, n, 0);
        if (did < 0 && errno == EINTR) continue;
        if (did <= 0) return false;
        at += did;
        n -= (size_t)did;
    }
    return true;
}

static void *serve(void *arg)
{
    fake *f = arg;
    for (int fd; (fd = accept(f->listener, NULL, NULL)) >= 0; close(fd)) {
        f->connection = fd;
        wire_header h;
        static uint8_t payload[WIRE_REQUEST_MOST];
        while (read_whole(fd, &h, sizeof h) && h.size <= sizeof payload && read_whole(fd, payload, h.size))
            answer(f, &h, payload);
    }
    return NULL;
}

void fake_start(fake *f)
{
    const char *tmp = getenv("TMPDIR");
    *f = (fake){.connection = -1};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(f->path, sizeof f->path, WIRE_SOCKET_FORMAT, tmp && *tmp ? tmp : "/tmp", (int)getpid());
    memcpy(a.sun_path, f->path, RJ_MIN(sizeof a.sun_path - 1, sizeof f->path));
    unlink(f->path);
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(f->listener, 8), 0);
    make_memory(f);
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, serve, f), 0);
    f->thread = (unsigned long)t;
}

void fake_hang_up(fake *f)
{
    shutdown(f->connection, SHUT_RDWR);
}

void fake_stop(fake *f)
{
    shutdown(f->listener, SHUT_RDWR);
    if (f->connection >= 0) shutdown(f->connection, SHUT_RDWR);
    pthread_join((pthread_t)f->thread, NULL);
    close(f->listener);
    unlink(f->path);
    munmap(f->memory, f->memory_size);
    close(f->memory_fd);
    buf_free(&f->probes);
    buf_free(&f->types);
}

rj_session *fake_connect(const fake *f, rj_error *e)
{
    (void)f;
    rj_options o = {.name = "test", .timeout_ms = 3000};
    return rj_connect((int32_t)getpid(), &o, e);
}

/* ---- probes and types ---- */

void fake_probe(fake *f, uint32_t id, const char *name, const char *module, const fake_value *values, size_t n)
{
    size_t group = wire_open(&f->probes, WIRE_T_PROBE);
    wire_u32(&f->probes, WIRE_T_ID, id);
    wire_text(&f->probes, WIRE_T_NAME, name);
    wire_text(&f->probes, WIRE_T_MODULE, module);
    for (size_t i = 0; i < n; i++) {
        const fake_value *v = &values[i];
        size_t inner = wire_open(&f->probes, WIRE_T_VALUE);
        wire_text(&f->probes, WIRE_T_NAME, v->name);
        wire_text(&f->probes, WIRE_T_TYPE_NAME, v->type);
        wire_u32(&f->probes, WIRE_T_WHAT, v->what);
        wire_u32(&f->probes, WIRE_T_HOW, v->how);
        wire_u32(&f->probes, WIRE_T_SLOT, v->slot);
        wire_u32(&f->probes, WIRE_T_ELEMENT, v->element);
        wire_u32(&f->probes, WIRE_T_HIDDEN, v->hidden);
        wire_u32(&f->probes, WIRE_T_LATE, v->late);
        wire_close(&f->probes, inner);
    }
    wire_close(&f->probes, group);
}

static void put_members(buf_t *b, const fake_type *t)
{
    for (size_t i = 0; i < t->member_count; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", t->members[i]);
        char *equals = strchr(name, '=');
        assert_non_null(equals);
        *equals = 0;
        size_t inner = wire_open(b, WIRE_T_MEMBER);
        wire_text(b, WIRE_T_NAME, name);
        wire_u64(b, WIRE_T_COUNT, strtoull(equals + 1, NULL, 0));
        wire_close(b, inner);
    }
}

void fake_add_type(fake *f, const fake_type *t)
{
    buf_t *b = &f->types;
    size_t group = wire_open(b, WIRE_T_TYPE);
    wire_u64(b, WIRE_T_ADDRESS, t->address);
    wire_text(b, WIRE_T_NAME, t->name);
    wire_u32(b, WIRE_T_TYPE_KIND, t->kind);
    wire_u32(b, WIRE_T_BYTES, t->bytes);
    wire_u32(b, WIRE_T_ELEMENT, t->element);
    wire_u64(b, WIRE_T_ELEMENT_TYPE, t->element_type);
    wire_u32(b, WIRE_T_ELEMENT_SIZE, t->element_size);
    wire_u32(b, WIRE_T_FLAGS, t->flags);
    if (t->parent) wire_text(b, WIRE_T_PARENT_NAME, t->parent);
    for (size_t i = 0; i < t->field_count; i++) {
        const fake_field *x = &t->fields[i];
        size_t inner = wire_open(b, WIRE_T_FIELD);
        wire_text(b, WIRE_T_NAME, x->name);
        wire_u32(b, WIRE_T_OFFSET, x->offset);
        wire_u32(b, WIRE_T_ELEMENT, x->element);
        wire_u64(b, WIRE_T_ADDRESS, x->type);
        wire_text(b, WIRE_T_TYPE_NAME, x->type_name ? x->type_name : "object");
        wire_close(b, inner);
    }
    put_members(b, t);
    wire_close(b, group);
}

void fake_piece(buf_t *b, uint64_t type, uint64_t address, uint32_t length, const void *bytes, uint32_t n)
{
    static const uint8_t zero[8];
    buf_u64(b, type);
    buf_u64(b, address);
    buf_u32(b, length);
    buf_u32(b, n);
    buf_put(b, bytes, n);
    buf_put(b, zero, (8 - n % 8) % 8);
}
