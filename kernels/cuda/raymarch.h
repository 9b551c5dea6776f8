/* raymarch.h -- the block of raymarch.cu. */
#ifndef KC_RAYMARCH_H
#define KC_RAYMARCH_H
enum { KC_MARCH_THREADS = 128 };        /* of a ray */
#endif
