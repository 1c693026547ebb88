/* Native code: its bytes are read from the process, which is this one; tiers; names of addresses. */
#include "cil/cil.h"
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

static const char *const pattern = "Shop.Total";

/* Code as the runtime makes it, at places of their own. */
static const uint8_t tier0[] = {0x55, 0x48, 0x83, 0xEC, 0x10, 0x48, 0x8D, 0x6C,
                                0x24, 0x10, 0x89, 0x7D, 0xFC, 0x89, 0x75, 0xF8};
static const uint8_t counted[] = {0x55, 0x48, 0x83, 0xEC, 0x10, 0x48, 0x8D, 0x6C,
                                  0x24, 0x10, 0x89, 0x7D, 0xFC, 0x89, 0x00, 0x01};
static const uint8_t osr[] = {0x48, 0x8B, 0x45, 0x00, 0x50, 0x48, 0x8B, 0xEC};
static const uint8_t tier1[] = {0x8D, 0x04, 0x37, 0xC3};

static void put_native(buf_t *b, const char *kind, uint32_t version, const char *name, const void *at, uint64_t size)
{
    size_t group = wire_open(b, WIRE_T_NATIVE);
    wire_text(b, WIRE_T_CODE_KIND, kind);
    wire_text(b, WIRE_T_TEXT, version ? "woven" : "original");
    wire_u32(b, WIRE_T_VERSION, version);
    wire_text(b, WIRE_T_NAME, name);
    size_t range = wire_open(b, WIRE_T_RANGE);
    wire_u64(b, WIRE_T_ADDRESS, (uint64_t)(uintptr_t)at);
    wire_u64(b, WIRE_T_BYTES, size);
    wire_close(b, range);
    wire_close(b, group);
}

static void put_codes(buf_t *b)
{
    put_native(b, "tiered", 0, "<int>", tier0, sizeof tier0);
    put_native(b, "tiered", 0, "<int>", osr, sizeof osr);
    put_native(b, "tiered", 0, "<int>", counted, sizeof counted);
    put_native(b, "tiered", 0, "<int>", tier1, sizeof tier1);
    put_native(b, "R2R", 0, "<long>", tier0, sizeof tier0);
    put_native(b, "tiered", 0, "<long>", counted, sizeof counted);
    put_native(b, "tiered", 0, "<long>", tier1, sizeof tier1);
    put_native(b, "tiered", 3, "<long>", tier1, sizeof tier1);
    put_native(b, "optimised", 3, "", tier1, sizeof tier1);
    put_native(b, "jitted", 4, "", (void *)0x1000, 16);       /* nothing is there */
    put_native(b, "jitted", 4, "", tier1, UINT64_C(1) << 40); /* that is no code */
}

static bool tell(fake *f, const wire_header *h, wire_reader r)
{
    (void)r;
    if (h->kind != WIRE_CODE) return false;
    buf_t b = {0};
    size_t group = wire_open(&b, WIRE_T_BODY);
    wire_text(&b, WIRE_T_NAME, "Shop.Total(int)");
    wire_u32(&b, WIRE_T_COUNT, 2);
    put_codes(&b);
    size_t symbol = wire_open(&b, WIRE_T_SYMBOL);
    wire_u64(&b, WIRE_T_ADDRESS, 42);
    wire_text(&b, WIRE_T_TEXT, "gate of client 1");
    wire_close(&b, symbol);
    wire_close(&b, group);
    wire_text(&b, WIRE_T_NEAREST, "Shop.Totals");
    wire_u32(&b, WIRE_T_TOTAL, 7);
    fake_send(f, WIRE_CODES, h->request, &b);
    buf_free(&b);
    return true;
}

static void bytes_and_tiers(void **state)
{
    (void)state;
    static const char *const tiers[] = {
        "tier-0", "OSR",    "tier-0 instrumented", "tier-1", "R2R",   "tier-1 instrumented",
        "tier-1", "tier-0", "optimised",           "jitted", "jitted"};
    fake f;
    rj_error e = {0};
    rj_natives m;
    fake_start(&f);
    f.answer = tell;
    rj_session *s = fake_connect(&f, &e);
    if (!rj_read_code(s, &pattern, 1, 0, &m, &e)) fail_msg("%s", e.text);
    assert_int_equal(m.count, 1);
    assert_int_equal(m.total, 7);
    assert_int_equal(m.nearest_count, 1);
    const rj_native *n = &m.items[0];
    assert_int_equal(n->old_versions, 2);
    assert_int_equal(n->code_count, RJ_COUNT(tiers));
    for (size_t i = 0; i < RJ_COUNT(tiers); i++)
        assert_string_equal(n->codes[i].tier, tiers[i]);
    assert_int_equal(n->codes[0].size, sizeof tier0);
    assert_memory_equal(n->codes[0].ranges[0].bytes, tier0, sizeof tier0);
    assert_null(n->codes[9].ranges[0].bytes);
    assert_int_equal(n->codes[9].ranges[0].size, 16);
    assert_null(n->codes[10].ranges[0].bytes);
    assert_int_equal(n->symbol_count, 1);
    assert_string_equal(n->symbols[0].text, "gate of client 1");
    rj_free(m.memory);
    rj_close(s);
    fake_stop(&f);
}

/* ---- names ---- */

static uint8_t *code; /* a page that no file is behind */

/* The agent knows one method, at the page's byte 0x100. */
static bool name(fake *f, const wire_header *h, wire_reader r)
{
    if (h->kind != WIRE_FRAMES) return false;
    buf_t b = {0};
    for (wire_field w; wire_next(&r, &w);) {
        uint64_t ip = wire_get_u64(&w);
        size_t group = wire_open(&b, WIRE_T_FRAME);
        wire_u64(&b, WIRE_T_ADDRESS, ip);
        wire_text(&b, WIRE_T_NAME, ip == (uint64_t)(uintptr_t)(code + 0x101) ? "Shop.Total(int)" : "");
        wire_close(&b, group);
    }
    fake_send(f, WIRE_FRAMES_REPLY, h->request, &b);
    buf_free(&b);
    return true;
}

/* Bytes at a place of the page: what jumps, and how far. */
static void put_code(size_t at, cil_blob bytes, int32_t distance)
{
    memcpy(code + at, bytes.p, bytes.n);
    memcpy(code + at + bytes.n, &distance, sizeof distance);
}
#define CODE(...) ((cil_blob){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})

static void put_word(size_t at, const void *to)
{
    memcpy(code + at, &to, sizeof to);
}

/*
 * 0: jmp rel32; 0x20: jmp [rip+..]; 0x40: mov rax, ..; jmp rax; 0x60: a stub that leads to itself; 0x80: its cell;
 * 0xA0: a counted call.
 */
static void make_stubs(void)
{
    put_code(0, CODE(0xE9), 0x100 - 5);
    put_code(0x20, CODE(0xFF, 0x25), 0x80 - 0x26);
    put_code(0x40, CODE(0x48, 0xB8), 0);
    put_word(0x42, code + 0x20);
    put_code(0x4A, CODE(0xFF, 0xE0), 0);
    put_code(0x60, CODE(0xFF, 0x25), 0x88 - 0x66);
    put_word(0x80, code + 0x100);
    put_word(0x88, code + 0x66);
    put_code(0xA0, CODE(0x48, 0x8B, 0x05, 0, 0, 0, 0, 0x66, 0xFF, 0x08, 0x74, 0x06, 0xFF, 0x25), 0x80 - 0xB2);
    memset(code + 0x100, 0xC3, 16);
}

static void jumps_are_followed(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    rj_names n;
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!code || code == MAP_FAILED) abort();
    make_stubs();
    const uint64_t at = (uint64_t)(uintptr_t)code;
    const rj_address wanted[] = {{at + 0xA0, false},  {at + 0x100, false},
                                 {at, false},         {at + 0x20, false},
                                 {at + 0x40, false},  {at + 0x80, true},
                                 {at + 0x60, false},  {16, true},
                                 {at + 0x200, false}, {(uint64_t)(uintptr_t)bytes_and_tiers, false}};
    fake_start(&f);
    f.answer = name;
    rj_session *s = fake_connect(&f, &e);
    if (!rj_name_addresses(s, wanted, RJ_COUNT(wanted), &n, &e)) fail_msg("%s", e.text);
    assert_int_equal(n.count, RJ_COUNT(wanted));
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(n.items[i], "Shop.Total(int)");
    for (size_t i = 6; i < 9; i++)
        assert_string_equal(n.items[i], "");
    assert_int_equal(strncmp(n.items[9], "test_client_code+0x", strlen("test_client_code+0x")), 0);
    rj_free(n.memory);
    rj_close(s);
    fake_stop(&f);
    munmap(code, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_tiers),
        cmocka_unit_test(jumps_are_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
