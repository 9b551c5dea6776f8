/* attention.cu -- softmax(q k^T scale) v with no matrix of scores in memory (Dao et al. 2022; the online softmax of Milakov and
 * Gimelshein 2018): each query keeps the greatest score so far and scales what it has summed when a greater one comes.
 * Backward finds the scores again from each query's log-sum-exp; with p = exp(s - lse), dp = dy . v and delta = sum dy y
 *     dv_j = sum_i p_ij dy_i,   ds = scale p (dp - delta),   dq_i = sum_j ds_ij k_j,   dk_j = sum_i ds_ij q_i
 * so queries and keys each gather their own sums and nothing is added by two threads.
 * All in f32: a head's products are a small part of a network's, and their rounding would be the largest error in it.
 *
 * Four threads share a row of D numbers (64 or 128, zeros past d): thread `part` has numbers 16 c + 4 part + 0..3, so that it
 * reads 16 bytes at once and the four of them a line without gaps; scores are summed over the four by shuffles. */
#include "../k.h"
#include "attention.h"

enum { ROWS = KC_ATTENTION_ROWS, STEP = KC_ATTENTION_STEP, PARTS = 4, GROUP = 8 };
#define UNSEEN (-1e30f)

struct head { int64_t q, k, row; };     /* where the head's numbers begin in q and in k and v; its place among the rows of lse */
K_FN struct head head_at(const struct k_attention *p) {
    const int64_t b = blockIdx.y / p->heads, h = blockIdx.y % p->heads, width = p->heads * p->d;
    struct head x;
    x.q = b * p->L * width + h * p->d;
    x.k = b * p->M * width + h * p->d;
    x.row = (int64_t)blockIdx.y * p->L;
    return x;
}
K_FN int number_of(int e, int part) { return (e >> 2) * 16 + part * 4 + (e & 3); }

/* This thread's part of a row, zeros when there is none. */
K_FN void read_row(float *v, const void *from, int64_t head, int64_t row, int64_t rows, int part, const struct k_attention *p, const int D) {
    const float *x = (const float *)from + head + row * p->heads * p->d;
    K_UNROLL
    for (int e = 0; e < D / PARTS; e++) v[e] = row < rows && number_of(e, part) < p->d ? x[number_of(e, part)] : 0;
}
K_FN void write_row(void *to, const float *v, int64_t head, int64_t row, int64_t rows, int part, int add, const struct k_attention *p, const int D) {
    float *x = (float *)to + head + row * p->heads * p->d;
    K_UNROLL
    for (int e = 0; e < D / PARTS; e++)
        if (row < rows && number_of(e, part) < p->d) x[number_of(e, part)] = add ? x[number_of(e, part)] + v[e] : v[e];
}
/* STEP rows from `first` on into the block's memory. */
K_FN void read_tile(float *tile, const void *from, int64_t head, int64_t first, int64_t rows, const struct k_attention *p, const int D) {
    for (int j = (int)threadIdx.x; j < STEP * D; j += K_THREADS) {
        const int64_t row = first + j / D;
        tile[j] = row < rows && j % D < p->d ? ((const float *)from)[head + row * p->heads * p->d + j % D] : 0;
    }
}
K_FN float dot(const float *v, const float *row, int part, const int D) {
    float sum = 0;
    K_UNROLL
    for (int c = 0; c < D / 16; c++) {
        const k_float4 x = *(const k_float4 *)(row + 16 * c + 4 * part);
        sum += v[4 * c] * x.x + v[4 * c + 1] * x.y + v[4 * c + 2] * x.z + v[4 * c + 3] * x.w;
    }
    sum += k_shuffle_xor(sum, 1);
    return sum + k_shuffle_xor(sum, 2);
}
K_FN void add_row(float *v, float f, const float *row, int part, const int D) {
    K_UNROLL
    for (int c = 0; c < D / 16; c++) {
        const k_float4 x = *(const k_float4 *)(row + 16 * c + 4 * part);
        v[4 * c] += f * x.x;
        v[4 * c + 1] += f * x.y;
        v[4 * c + 2] += f * x.z;
        v[4 * c + 3] += f * x.w;
    }
}
/* Keys that some query of this block sees. */
K_FN int64_t keys_seen(const struct k_attention *p) {
    const int64_t end = ((int64_t)blockIdx.x + 1) * ROWS;
    return p->causal && end < p->M ? end : p->M;
}

/* y, or with lse what the backward pass wants to know. */
K_FN void forward(const struct kc_attention *a, float *keys, float *values, const int D) {
    const struct k_attention *p = &a->p;
    const struct head h = head_at(p);
    const int part = (int)threadIdx.x % PARTS;
    const int64_t row = (int64_t)blockIdx.x * ROWS + threadIdx.x / PARTS, end = keys_seen(p);
    const float scale = (float)p->scale;
    float q[32], y[32], top = UNSEEN, sum = 0;
    read_row(q, p->q, h.q, row, p->L, part, p, D);
    K_UNROLL
    for (int e = 0; e < D / PARTS; e++) y[e] = 0;
    for (int64_t first = 0; first < end; first += STEP) {
        __syncthreads();
        read_tile(keys, p->k, h.k, first, p->M, p, D);
        read_tile(values, p->v, h.k, first, p->M, p, D);
        __syncthreads();
        for (int j = 0; j < STEP; j += GROUP) {
            float s[GROUP], most = top;
            K_UNROLL
            for (int i = 0; i < GROUP; i++) {
                const int64_t key = first + j + i;
                s[i] = dot(q, keys + (j + i) * D, part, D) * scale;
                if (key >= p->M || (p->causal && key > row)) s[i] = UNSEEN;
                most = s[i] > most ? s[i] : most;
            }
            const float shrink = k_exp(top - most);
            top = most;
            sum *= shrink;
            K_UNROLL
            for (int e = 0; e < D / PARTS; e++) y[e] *= shrink;
            K_UNROLL
            for (int i = 0; i < GROUP; i++) {
                const float w = s[i] > UNSEEN ? k_exp(s[i] - top) : 0;
                sum += w;
                add_row(y, w, values + (j + i) * D, part, D);
            }
        }
    }
    const float inverse = 1 / sum;
    K_UNROLL
    for (int e = 0; e < D / PARTS; e++) y[e] *= inverse;
    if (!a->lse) {
        write_row(p->y, y, h.q, row, p->L, part, 0, p, D);
        return;
    }
    float dy[32], delta = 0;
    read_row(dy, p->dy, h.q, row, p->L, part, p, D);
    K_UNROLL
    for (int e = 0; e < D / PARTS; e++) delta += y[e] * dy[e];
    delta += k_shuffle_xor(delta, 1);
    delta += k_shuffle_xor(delta, 2);
    if (row < p->L && part == 0) {
        ((float *)a->lse)[h.row + row] = top + k_log(sum);
        ((float *)a->delta)[h.row + row] = delta;
    }
}

K_FN void backward_q(const struct kc_attention *a, float *keys, float *values, const int D) {
    const struct k_attention *p = &a->p;
    const struct head h = head_at(p);
    const int part = (int)threadIdx.x % PARTS;
    const int64_t row = (int64_t)blockIdx.x * ROWS + threadIdx.x / PARTS, end = keys_seen(p);
    const float scale = (float)p->scale;
    const float lse = row < p->L ? ((const float *)a->lse)[h.row + row] : 0, delta = row < p->L ? ((const float *)a->delta)[h.row + row] : 0;
    float q[32], dy[32], dq[32];
    read_row(q, p->q, h.q, row, p->L, part, p, D);
    read_row(dy, p->dy, h.q, row, p->L, part, p, D);
    K_UNROLL
    for (int e = 0; e < D / PARTS; e++) dq[e] = 0;
    for (int64_t first = 0; first < end; first += STEP) {
        __syncthreads();
        read_tile(keys, p->k, h.k, first, p->M, p, D);
        read_tile(values, p->v, h.k, first, p->M, p, D);
        __syncthreads();
        for (int j = 0; j < STEP; j++) {
            const float s = dot(q, keys + j * D, part, D) * scale, dp = dot(dy, values + j * D, part, D);
            const int seen = row < p->L && first + j < p->M && !(p->causal && first + j > row);
            add_row(dq, seen ? scale * k_exp(s - lse) * (dp - delta) : 0, keys + j * D, part, D);
        }
    }
    write_row(p->dq, dq, h.q, row, p->L, part, p->add_q, p, D);
}

K_FN void backward_kv(const struct kc_attention *a, float *queries, float *dys, float *lse, float *delta, const int D) {
    const struct k_attention *p = &a->p;
    const struct head h = head_at(p);
    const int part = (int)threadIdx.x % PARTS;
    const int64_t row = (int64_t)blockIdx.x * ROWS + threadIdx.x / PARTS;             /* of keys */
    const float scale = (float)p->scale;
    float k[32], v[32], dk[32], dv[32];
    read_row(k, p->k, h.k, row, p->M, part, p, D);
    read_row(v, p->v, h.k, row, p->M, part, p, D);
    K_UNROLL
    for (int e = 0; e < D / PARTS; e++) dk[e] = dv[e] = 0;
    for (int64_t first = p->causal ? (int64_t)blockIdx.x * ROWS : 0; first < p->L; first += STEP) {
        __syncthreads();
        read_tile(queries, p->q, h.q, first, p->L, p, D);
        read_tile(dys, p->dy, h.q, first, p->L, p, D);
        if (threadIdx.x < STEP && first + threadIdx.x < p->L) {
            lse[threadIdx.x] = ((const float *)a->lse)[h.row + first + threadIdx.x];
            delta[threadIdx.x] = ((const float *)a->delta)[h.row + first + threadIdx.x];
        }
        __syncthreads();
        for (int j = 0; j < STEP && first + j < p->L; j++) {
            const float s = dot(k, queries + j * D, part, D) * scale, dp = dot(v, dys + j * D, part, D);
            const float w = row < p->M && !(p->causal && row > first + j) ? k_exp(s - lse[j]) : 0;
            add_row(dv, w, dys + j * D, part, D);
            add_row(dk, scale * w * (dp - delta[j]), queries + j * D, part, D);
        }
    }
    /* One thread owns both places, in this order: k and v, and so dk and dv, may be one tensor. */
    if (p->dk) write_row(p->dk, dk, h.k, row, p->M, part, p->add_k, p, D);
    if (p->dv) write_row(p->dv, dv, h.k, row, p->M, part, p->add_v, p, D);
}

#define ATTENTION(D)                                                                                                            \
    K_GLOBAL(kc_attention_##D, kc_attention, K_THREADS) {                                                                       \
        K_SHARED(float, tiles, [2][STEP * D]);                                                                                  \
        forward(&a, tiles[0], tiles[1], D);                                                                                     \
    }                                                                                                                           \
    K_GLOBAL(kc_attention_dq_##D, kc_attention, K_THREADS) {                                                                    \
        K_SHARED(float, tiles, [2][STEP * D]);                                                                                  \
        backward_q(&a, tiles[0], tiles[1], D);                                                                                  \
    }                                                                                                                           \
    K_GLOBAL(kc_attention_dkv_##D, kc_attention, K_THREADS) {                                                                   \
        K_SHARED(float, tiles, [2][STEP * D]);                                                                                  \
        K_SHARED(float, rows, [2][STEP]);                                                                                       \
        backward_kv(&a, tiles[0], tiles[1], rows[0], rows[1], D);                                                               \
    }
ATTENTION(64)
ATTENTION(128)
