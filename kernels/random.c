/* random.c -- random numbers where they are needed: draw i of a stream depends on its counter alone (philox.h). */
#include "k.h"
#include "philox.h"
#include "random.h"

KERNEL(random) {
    const uint64_t at = p->counter + (uint64_t)i;
    ((real *)p->out)[i] = (real)(p->normal ? p_normal(p->key, at) : p_uniform(p->key, at));
}
