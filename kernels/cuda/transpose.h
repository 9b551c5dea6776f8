/* transpose.h -- the tile of transpose.cu. */
#ifndef KC_TRANSPOSE_H
#define KC_TRANSPOSE_H
enum { KC_TRANSPOSE_SIDE = 32 };
#endif
