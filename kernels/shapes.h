/* shapes.h -- how a kernel of k.h is laid over a GPU's blocks; k_shape_<kernel> is made by k.h, read by engine/cuda/. */
#ifndef K_SHAPES_H
#define K_SHAPES_H
#include <stddef.h>
enum { K_THREADS = 256 };                 /* of a block */
enum k_kind {
    K_ELEMENTS,                           /* n threads */
    K_SERIAL,                             /* n threads that add into each other's places */
    K_ROWS,                               /* n blocks */
    K_SPREAD,                             /* n rows, each shared by as many blocks as there are to spare */
    K_SCATTER                             /* n blocks that add into each other's places */
};
struct k_shape {
    enum k_kind kind;
    size_t bytes;                         /* of the argument struct */
    size_t len_at;                        /* K_SPREAD: where in it the int64_t length of a row is */
};
#endif
