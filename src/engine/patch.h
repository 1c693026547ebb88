/*
 * Native code of the JIT that is made to lead elsewhere: a jump in the place of its first five bytes. Pure but for
 * eng_patch_write.
 */
#ifndef REJIT_ENGINE_PATCH_H
#define REJIT_ENGINE_PATCH_H

#include "base/base.h"

#define ENG_PATCH_BYTES 5u

/*
 * Why a method's code cannot begin with a jump, or NULL: it is too short, or something in it may lead into the bytes
 * that the jump takes, where threads that are in the code would come to. What only looks like such a branch is taken
 * for one.
 */
const char *eng_patch_refusal(const uint8_t *code, uint32_t size);
/* Does it begin with what no thread can be stopped in and nothing leads into, for as long as the jump is? */
bool eng_patch_is_prologue(const uint8_t *code, uint32_t size);
/* Can a jump at `code` lead there? */
bool eng_patch_reaches(const uint8_t *code, const uint8_t *to);
/* How the memory of code may be used: read and run, or written as well where W^X is off. False: otherwise. */
bool eng_patch_memory(const uint8_t *code, bool *writable);
/*
 * Writes it, by one store, and leaves the memory as eng_patch_memory has seen it. No thread may be in the first five
 * bytes, but for the first of all: the runtime is suspended.
 */
bool eng_patch_write(uint8_t *code, const uint8_t *to, bool writable);

#endif
