/* Who calls: the chain of frame pointers, which jitted code always keeps. */
#include "probe/probe-priv.h"

#include <emmintrin.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t hex(const char **p)
{
    uint64_t v = 0;
    for (;; ++*p) {
        char c = **p;
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        else
            return v;
    }
}

/* Looks one line of /proc/self/maps over: "low-high perms ...". */
static bool holds(const char *line, uint64_t address, uint64_t *low, uint64_t *high)
{
    *low = hex(&line);
    if (*line++ != '-') return false;
    *high = hex(&line);
    return address >= *low && address < *high;
}

/*
 * The bounds of the mapping that the stack lies in, once for each thread, by plain system calls: pthread_getattr_np
 * would call malloc.
 */
static void find_mapping(probe_thread *t, uint64_t sp)
{
    t->native_low = sp;
    t->native_high = (sp | 4095) + 1; /* where nothing better is found: its own page */
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    char buffer[4096 + 1];
    size_t kept = 0;
    for (;;) {
        long n = syscall(SYS_read, fd, buffer + kept, 4096 - kept);
        if (n <= 0) break;
        size_t end = kept + (size_t)n, line = 0;
        for (size_t i = kept; i < end; i++) {
            if (buffer[i] != '\n') continue;
            buffer[i] = 0;
            uint64_t low, high;
            if (holds(buffer + line, sp, &low, &high)) {
                t->native_low = low;
                t->native_high = high;
                end = 0;
                break;
            }
            line = i + 1;
        }
        if (!end) break;
        kept = end - line;
        if (kept >= 4096) kept = 0; /* no such line exists; never loop on it */
        memmove(buffer, buffer + line, kept);
    }
    syscall(SYS_close, fd);
}

/*
 * The kernel shows neighbours as one mapping, and a neighbour may be unmapped later. A thread's own block of the C
 * library lies at the top of its stack (the main thread's elsewhere): nothing above it is stack.
 */
static void find_bounds(probe_thread *t, uint64_t sp)
{
    find_mapping(t, sp);
    uint64_t block;
    __asm__("mov %%fs:0, %0" : "=r"(block));
    if (block > sp && block < t->native_high) t->native_high = block;
}

bool probe_on_stack(probe_thread *t, uint64_t sp, uint64_t fp)
{
    if (sp < t->native_low || sp >= t->native_high) find_bounds(t, sp);
    return fp > sp && !(fp & 7) && fp + 16 <= t->native_high;
}

#define USER_END (1ull << 47)

unsigned probe_walk(probe_thread *t, uint64_t frame_pointer, uint64_t *out, unsigned most, uint64_t until,
                    unsigned *inner)
{
    if (frame_pointer < t->native_low || frame_pointer >= t->native_high) find_bounds(t, frame_pointer);
    unsigned n = 0;
    uint64_t fp = frame_pointer;
    while (n < most) {
        if (fp & 7 || fp + 16 > t->native_high) break;
        uint64_t next = ((uint64_t *)fp)[0], ip = ((uint64_t *)fp)[1];
        if (ip - 1 >= USER_END - 1) break; /* 0, or no address of a program: the chain has ended */
        out[n++] = ip;
        if (inner && fp <= until) *inner = n;
        if (next <= fp) break;
        fp = next;
    }
    return n;
}

/* ---- marks ---- */

#define MARK_SHIFT 48u

static struct {
    uint64_t mask, factor; /* 32 bits each: what one vector instruction multiplies two addresses by */
} key;

bool probe_vouch_start(err_t *e)
{
    if (getrandom(&key, sizeof key, 0) != sizeof key) return err_errno(e, "asking for random bytes");
    key.mask &= UINT32_MAX;
    key.factor = (key.factor & UINT32_MAX) | 1;
    return true;
}

static inline uint64_t marked(uint64_t address)
{
    const uint64_t product = ((address ^ key.mask) & UINT32_MAX) * key.factor
                             << 16; /* its middle depends on all bits */
    return address | ((product | 1ull << MARK_SHIFT) & ~0ull << MARK_SHIFT);
}

/* Two at a time: a stack has some twenty of them. */
void probe_vouch(uint64_t *to, const uint64_t *addresses, unsigned count)
{
    const __m128i mask = _mm_set1_epi64x((int64_t)key.mask), factor = _mm_set1_epi64x((int64_t)key.factor);
    const __m128i one = _mm_set1_epi64x((int64_t)(1ull << MARK_SHIFT)),
                  top = _mm_set1_epi64x((int64_t)(~0ull << MARK_SHIFT));
    unsigned i = 0;
    for (; i + 2 <= count; i += 2) {
        const __m128i x = _mm_set_epi64x((int64_t)addresses[i + 1], (int64_t)addresses[i]);
        const __m128i product = _mm_slli_epi64(_mm_mul_epu32(_mm_xor_si128(x, mask), factor), 16);
        const __m128i mark = _mm_and_si128(_mm_or_si128(product, one), top);
        _mm_storeu_si128((__m128i *)(void *)(to + i), _mm_or_si128(x, mark));
    }
    if (i < count) to[i] = marked(addresses[i]);
}

bool probe_vouched(uint64_t word, uint64_t *address)
{
    *address = word & ~(~0ull << MARK_SHIFT);
    return word == marked(*address);
}
