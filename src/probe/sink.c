/* The shared memory of one connection. */
#include "probe/probe-priv.h"

#include <fcntl.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RING_SIZE (256u * 1024u)
#define PAGE(n)   (((n) + 4095u) & ~(uint64_t)4095u)

static void lay_out(wire_memory *m, uint32_t stats_max, bool keys)
{
    m->magic = WIRE_MAGIC;
    m->version = WIRE_VERSION;
    m->slots = PROBE_THREADS;
    m->ring_size = RING_SIZE;
    m->stats_max = stats_max;
    m->stat_size = sizeof(wire_stat);
    m->slots_at = PAGE(sizeof *m);
    m->rings_at = PAGE(m->slots_at + sizeof(wire_slot) * PROBE_THREADS);
    m->stats_at = m->rings_at + (uint64_t)RING_SIZE * PROBE_THREADS;
    const uint64_t end = PAGE(m->stats_at + (uint64_t)stats_max * PROBE_THREADS * sizeof(wire_stat));
    m->key_places = keys ? WIRE_KEY_PLACES : 0;
    m->keys_at = keys ? end : 0;
    m->size = PAGE(end + m->key_places * sizeof(wire_key));
}

static bool make(const wire_memory *plan, int *fd, uint8_t **base, err_t *e)
{
    *fd = (int)syscall(SYS_memfd_create, "rejit", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*fd < 0) return err_errno(e, "making the shared memory for events");
    if (ftruncate(*fd, (off_t)plan->size) < 0 || fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return err_errno(e, "sizing the shared memory for events");
    void *p = mmap(NULL, plan->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, *fd, 0);
    if (p == MAP_FAILED) return err_errno(e, "mapping %llu MB of shared memory", (unsigned long long)plan->size >> 20);
    *base = p;
    return true;
}

bool probe_sink_open(probe_sink *s, uint32_t stats_max, bool keys, err_t *e)
{
    wire_memory plan = {0};
    lay_out(&plan, stats_max, keys);
    uint8_t *base = NULL;
    int fd = -1;
    if (!make(&plan, &fd, &base, e)) {
        if (fd >= 0) close(fd);
        return false;
    }
    *s = (probe_sink){
        .slots = plan.slots, .ring_size = plan.ring_size, .stats_max = stats_max, .size = plan.size, .fd = fd};
    s->memory = (wire_memory *)(void *)base;
    *s->memory = plan;
    s->slot = (wire_slot *)(void *)(base + plan.slots_at);
    s->rings = base + plan.rings_at;
    s->stats = base + plan.stats_at;
    s->keys = keys ? (wire_key *)(void *)(base + plan.keys_at) : NULL;
    probe_clock_settle();
    probe_clock_publish(s->memory);
    return true;
}

bool probe_sink_detach(probe_sink *s)
{
    __atomic_store_n(&s->detached, 1, __ATOMIC_SEQ_CST);
    if (!probe_quiesce()) return false;
    /* From here on no thread turns to it any more; who has does not ask whether it is detached. */
    probe_turn_from(s);
    return probe_quiesce();
}

/*
 * After the barrier each thread either sees what was stored before at its next call or was inside already and shows
 * `busy`. The functions are short, but their thread may have lost its core: wait for it, within reason.
 */
bool probe_quiesce(void)
{
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) < 0) {
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
        if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) < 0) return false;
    }
    struct timespec pause = {.tv_nsec = 100000};
    for (uint32_t i = 0, waited = 0; i < PROBE_THREADS; i++) {
        while (__atomic_load_n(&probe_pool[i].busy, __ATOMIC_ACQUIRE)) {
            if (atomic_load(&probe_pool[i].state) == PROBE_FREE) break;
            if (++waited > 2000) return false;
            nanosleep(&pause, NULL);
        }
    }
    return true;
}

void probe_sink_close(probe_sink *s)
{
    if (s->memory) munmap(s->memory, s->size);
    if (s->fd >= 0) close(s->fd);
    s->memory = NULL;
    s->fd = -1;
}

uint64_t probe_sink_bytes(const probe_sink *s)
{
    struct stat st;
    return s->fd >= 0 && fstat(s->fd, &st) == 0 ? (uint64_t)st.st_blocks * 512u : 0;
}
