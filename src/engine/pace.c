/*
 * How many methods are handed to the runtime at a time. While it takes a portion in, threads of the application that
 * need code compiled wait, and a change of many methods makes many such threads. So portions are as large as the time
 * that one may take, and after each that took long the same time belongs to those who waited: without the rest the next
 * portion would take the lock before they do. A rest that nobody makes use of ends early.
 */
#include "engine/engine-priv.h"

#include <time.h>

#define FIRST    64u
#define LEAST    8u
#define AIM_NS   10000000u  /* what a portion should take */
#define SHORT_NS 2000000u   /* nobody notices */
#define REST_NS  200000000u /* the longest rest */
#define PIECE_NS 2000000u   /* of a rest; then it is seen whether it is used */
#define USED_NS  100000u    /* CPU time of the process in such a piece: who waited has gone on */

uint32_t eng_pace_next(uint32_t size, uint64_t took_ns)
{
    if (took_ns < AIM_NS / 2) return RJ_MIN(size * 2, ENG_PORTION);
    if (took_ns > AIM_NS * 2) return RJ_MAX(size / 2, LEAST);
    return size;
}

uint32_t eng_pace_take(eng_pace *p, uint32_t left)
{
    if (!p->size) p->size = FIRST;
    p->began_ns = eng_now_ns();
    return RJ_MIN(p->size, left);
}

void eng_pace_over(eng_pace *p, bool more)
{
    uint64_t took = eng_now_ns() - p->began_ns;
    p->size = eng_pace_next(p->size, took);
    p->rest_ns = more && p->rests && took >= SHORT_NS ? RJ_MIN(took, (uint64_t)REST_NS) : 0;
    p->resting = false;
}

uint64_t eng_pace_piece(eng_pace *p, uint64_t cpu_ns)
{
    if (p->resting && cpu_ns - p->cpu_ns < USED_NS) p->rest_ns = 0;
    uint64_t piece = RJ_MIN(p->rest_ns, (uint64_t)PIECE_NS);
    p->rest_ns -= piece;
    p->resting = true;
    p->cpu_ns = cpu_ns;
    return piece;
}

uint64_t eng_pace_next_piece(eng_pace *p)
{
    return p->rest_ns ? eng_pace_piece(p, clock_ns(CLOCK_PROCESS_CPUTIME_ID)) : 0;
}

void eng_pace_rest(eng_pace *p, bool more)
{
    eng_pace_over(p, more);
    for (uint64_t ns; (ns = eng_pace_next_piece(p));)
        nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}
