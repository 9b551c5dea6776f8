/* test_emulator.c -- the emulator finds what it is there to find, and its matrix instructions multiply matrices. */
#include <stdlib.h>
#include "../../kernels/cuda/device.h"
#include "check.h"

struct args { float *out; int barrier; };

/* Neighbours' numbers through the block's memory, with or without the barrier that this needs. */
K_GLOBAL(exchange, args, 64) {
    K_SHARED(float, box, [64]);
    const unsigned t = threadIdx.x;
    box[t] = (float)t;
    if (a.barrier) __syncthreads();
    a.out[t] = box[(t + 1) % 64];
}
K_GLOBAL(half_barrier, args, 64) {
    if (threadIdx.x < 40) __syncthreads();
    a.out[threadIdx.x] = 1;
}
K_GLOBAL(half_warp, args, 32) {
    if (threadIdx.x < 16) a.out[threadIdx.x] = k_shuffle_xor(1, 1);
}
K_GLOBAL(parted, args, 32) {
    if (threadIdx.x < 16) a.out[threadIdx.x] = k_shuffle_xor(1, 1);
    else a.out[threadIdx.x] = (float)k_ballot(1);
}
/* A copy in the background, read with or without waiting for it. */
K_GLOBAL(background, args, 32) {
    K_SHARED(float, box, [4]);
    if (threadIdx.x == 0) {
        k_copy16(box, a.out);
        k_copy_group();
        if (a.barrier) k_copy_wait(0);
        a.out[4] = box[2];
    }
}
/* out [16,8] = A [16,depth] B [depth,8] with A[r,k] = r + k / 8 and B[k,c] = c - k, through ldmatrix: rows are 16 bytes. */
struct products { float *out; int kind; };
K_GLOBAL(multiply, products, 32) {
    K_SHARED(uint32_t, rows, [2 * 16 * 4 + 2 * 8 * 4]);     /* A: two tiles of columns by 16 rows; B: two by 8 */
    const int lane = (int)threadIdx.x, pair = a.kind == 2 ? 1 : 2, unit = 4 * pair;
    for (int j = lane; j < 2 * 24 * 4; j += 32) {
        const int b = j >= 128, k0 = (b ? (j - 128) / 32 : j / 64) * unit + j % 4 * pair, r = b ? (j - 128) / 4 % 8 : j / 4 % 16;
        float v[2];
        for (int h = 0; h < 2; h++) v[h] = b ? (float)(r - (k0 + h)) : (float)r + (float)(k0 + h) / 8;
        rows[j] = a.kind == 0 ? k_pack_f16(v[0], v[1]) : a.kind == 1 ? k_pack_bf16(v[0], v[1]) : k_tf32(v[0]);
    }
    __syncwarp();
    uint32_t x[4], y[4];
    float c[4] = {0, 0, 0, 0};
    k_ldmatrix(x, rows + lane / 16 * 64 + lane % 16 * 4);
    k_ldmatrix(y, rows + 128 + lane / 8 % 2 * 32 + lane % 8 * 4);
    if (a.kind == 0) k_mma_f16(c, x, y);
    else if (a.kind == 1) k_mma_bf16(c, x, y);
    else k_mma_tf32(c, x, y);
    for (int e = 0; e < 4; e++) a.out[(lane / 4 + e / 2 * 8) * 8 + lane % 4 * 2 + e % 2] = c[e];
}

static const struct k_emulated_dim ONE = {1, 1, 1}, WARP = {32, 1, 1}, TWO = {64, 1, 1};

static int wrong(int barrier, unsigned order) {
    float out[64];
    int bad = 0;
    k_emulate_order = order;
    CHECK(!k_emulate(&exchange, ONE, TWO, 0, &(struct args){out, barrier}));
    for (int t = 0; t < 64; t++) bad += out[t] != (float)((t + 1) % 64);
    return bad;
}

int main(void) {
    float out[64];
    for (unsigned order = 0; order < 4; order++) {
        CHECK(wrong(1, order) == 0);
        CHECK(wrong(0, order) > 0);
    }
    struct args a = {out, 0};
    CHECK(k_emulate(&half_barrier, ONE, TWO, 0, &a) && strstr(k_emulate_fault, "not every thread"));
    CHECK(k_emulate(&half_warp, ONE, WARP, 0, &a) && strstr(k_emulate_fault, "not every thread"));
    CHECK(k_emulate(&parted, ONE, WARP, 0, &a) && strstr(k_emulate_fault, "different instructions"));
    CHECK(k_emulate(&exchange, ONE, (struct k_emulated_dim){96, 1, 1}, 0, &a) && strstr(k_emulate_fault, "too many"));
    CHECK(wrong(1, 0) == 0);                            /* and goes on afterwards */
    float numbers[8] __attribute__((aligned(16))) = {1, 2, 3, 4};
    CHECK(!k_emulate(&background, ONE, WARP, 0, &(struct args){numbers, 0}) && isnan(numbers[4]));
    CHECK(!k_emulate(&background, ONE, WARP, 0, &(struct args){numbers, 1}) && numbers[4] == 3);
    for (int kind = 0; kind < 3; kind++) {
        float c[128];
        const int depth = kind == 2 ? 8 : 16;
        CHECK(!k_emulate(&multiply, ONE, WARP, 0, &(struct products){c, kind}));
        for (int r = 0; r < 16; r++)
            for (int col = 0; col < 8; col++) {
                double sum = 0;
                for (int k = 0; k < depth; k++) sum += (r + k / 8.0) * (col - k);
                CHECK_NEAR(c[r * 8 + col], sum, 1e-3);
            }
    }
    return check_done("emulator");
}
