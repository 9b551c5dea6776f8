/* transpose.cu -- tiles of a matrix through the block's memory, so that it is read and written in whole lines (kernels/transpose.h). */
#include "../k.h"
#include "../transpose.h"
#include "transpose.h"

K_GLOBAL(kc_transpose, k_transpose, K_THREADS) {
    K_SHARED(float, tile, [KC_TRANSPOSE_SIDE][KC_TRANSPOSE_SIDE + 1]);        /* + 1: a column's numbers lie in different banks */
    const int x = (int)threadIdx.x % KC_TRANSPOSE_SIDE, y = (int)threadIdx.x / KC_TRANSPOSE_SIDE, lines = K_THREADS / KC_TRANSPOSE_SIDE;
    const int64_t c0 = (int64_t)blockIdx.x * KC_TRANSPOSE_SIDE, r0 = (int64_t)blockIdx.y * KC_TRANSPOSE_SIDE, size = a.rows * a.cols;
    const float *const in = (const float *)a.in + blockIdx.z * size;
    float *const out = (float *)a.out + blockIdx.z * size;
    for (int k = y; k < KC_TRANSPOSE_SIDE; k += lines)
        if (r0 + k < a.rows && c0 + x < a.cols) tile[k][x] = in[(r0 + k) * a.cols + c0 + x];
    __syncthreads();
    for (int k = y; k < KC_TRANSPOSE_SIDE; k += lines)
        if (c0 + k < a.cols && r0 + x < a.rows) {
            float *const to = out + (c0 + k) * a.rows + r0 + x;
            *to = a.add ? *to + tile[x][k] : tile[x][k];
        }
}
