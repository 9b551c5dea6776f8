/* attention.h -- arguments of the attention kernels. */
#ifndef K_ATTENTION_H
#define K_ATTENTION_H
#include <stdint.h>
/* Head h of a [B,T,heads*d] tensor is the slice [h*d, (h+1)*d) of its last axis. */
#define ATTENTION_FIELDS {                                                                \
    int64_t n;                          /* rows or elements: see each kernel */           \
    int64_t B, heads, L, M, d;          /* L queries, M keys */                           \
    int causal;                         /* query l sees keys 0..l */                      \
    double scale;                       /* 1 / sqrt(d) */                                 \
    const void *q, *k, *v;              /* [B,L,heads*d], [B,M,heads*d] twice */          \
    const void *dy;                     /* [B,L,heads*d] */                               \
    void *p, *ds;                       /* [B,heads,L,M]: probabilities; gradient of the scaled scores */ \
    void *y;                            /* tuned forward: [B,L,heads*d] */                \
    void *dq, *dk, *dv;                 /* tuned backward: as q, k, v, or NULL */         \
    int add_q, add_k, add_v; }          /* 1: add to what is there */
struct k_attention ATTENTION_FIELDS;
struct k_attention_probs ATTENTION_FIELDS;      /* p from q, k; one row per [b,h,l] */
struct k_attention_bwd ATTENTION_FIELDS;        /* ds from p, dy, v; one row per [b,h,l] */
/* out[b,t,h,:] (+)= sum_s a[b,h,t,s] x[b,s,h,:], or with a[b,h,s,t] when swapped; one call per element of out */
struct k_attention_mix {
    int64_t n;
    int64_t heads, d, T, S;             /* rows of out and of x */
    int swapped, add;
    const void *a;                      /* [B,heads,T,S], swapped: [B,heads,S,T] */
    const void *x;                      /* [B,S,heads*d] */
    void *out;                          /* [B,T,heads*d] */
};
#endif
