/* heap.h -- the large blocks of host memory (heap.c).  Not locked: alloc.c calls it under its pool's lock. */
#ifndef MN_HEAP_H
#define MN_HEAP_H
#include <stddef.h>
enum { MN_HEAP_UNIT = 4 << 10 };                   /* sizes are multiples of it, addresses too */
void *mn_heap_take(size_t size);                   /* NULL: neither free pieces nor the system have as much */
void mn_heap_give(void *p, size_t size);           /* the size it was taken with */
size_t mn_heap_spare(void);                        /* bytes of free pieces that the system has not got back */
void mn_heap_trim(void);                           /* gives them back */
#endif
