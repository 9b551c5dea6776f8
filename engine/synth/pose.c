/* pose.c -- identity, expression and pose of the head: linear offsets, then linear blend skinning.
 *
 *     neutral = template + sum_k z_k mode_k          posed = skin(neutral + sum_j w_j unit_j)
 *
 * Head turns are split between neck (40 percent) and skull; eyeballs turn about pivots that follow the
 * identity.  Expressions open the jaw by offsets, so the jaw joint stays still. */
#include "synth/head.h"
#include "synth/vec.h"
#include <string.h>

/* eyeBlink was sculpted for the template, whose lids meet at this weight; a closed upper lid passes the lower
 * one by LID_OVERLAP cm. */
static const float REFERENCE_BLINK = 1.125f, LID_OVERLAP = .06f;
static const float NECK_SHARE = .4f;

void mn_head_neutral(const mn_head *head, const float *z, int n, float *out) {
    const mn_geometry *g = &head->g;
    size_t count = 3 * (size_t)g->n_vertices;
    memcpy(out, g->vertices, count * sizeof *out);
    for (int k = 0; k < n && k < g->n_modes; k++) {
        const float *mode = g->modes + (size_t)k * count;
        if (z[k] != 0)
            for (size_t i = 0; i < count; i++) out[i] += z[k] * mode[i];
    }
}

/* Mean height of two upper-lid landmarks over two lower-lid ones. */
static float lid_gap(const mn_head *head, const float *points, int side) {
    static const int LID[2][4] = {{43, 44, 46, 47}, {37, 38, 41, 40}};
    float y[4];
    for (int k = 0; k < 4; k++) y[k] = points[3 * head->g.landmarks[LID[side][k]] + 1];
    return (y[0] + y[1] - y[2] - y[3]) / 2;
}

void mn_head_blink_scale(const mn_head *head, const float *neutral, float scale[2]) {
    int blink = mn_synth_unit("eyeBlink_L");
    for (int side = 0; side < 2; side++) {
        const float *unit = head->g.units + (size_t)(blink + side) * 3 * (size_t)head->g.n_vertices;
        float closing = -lid_gap(head, unit, side);
        scale[side] = closing > 1e-6f ? (lid_gap(head, neutral, side) + LID_OVERLAP) / closing / REFERENCE_BLINK : 1;
    }
}

/* R = Ry Rx Rz: roll first, then pitch, then yaw. */
static void rotation(const float turn[3], float share, float R[9]) {
    float r[3];
    for (int k = 0; k < 3; k++) r[k] = turn[k] * share * .017453292519943295f;
    float cx = cosf(r[0]), sx = sinf(r[0]), cy = cosf(r[1]), sy = sinf(r[1]), cz = cosf(r[2]), sz = sinf(r[2]);
    float out[9] = {cy * cz + sy * sx * sz, -cy * sz + sy * sx * cz, sy * cx,
                    cx * sz, cx * cz, -sx,
                    -sy * cz + cy * sx * sz, sy * sz + cy * sx * cz, cy * cx};
    memcpy(R, out, sizeof out);
}

typedef struct motion { float A[9]; vec3 b; bool still; } motion;

/* parent o (rotation by R about pivot) */
static motion turn_about(const motion *parent, const float R[9], vec3 pivot, bool still) {
    motion m = {.still = still && parent->still};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            m.A[3 * i + j] = parent->A[3 * i] * R[j] + parent->A[3 * i + 1] * R[3 + j] + parent->A[3 * i + 2] * R[6 + j];
    vec3 local = v3_sub(pivot, v3_apply(R, pivot));
    m.b = v3_add(v3_apply(parent->A, local), parent->b);
    return m;
}

/* How far the identity moved the eyeball of this side. */
static vec3 eye_shift(const mn_head *head, const float *neutral, int side) {
    vec3 sum = {0, 0, 0};
    for (int k = 0; k < head->n_ball[side]; k++) {
        int i = head->ball[side][k];
        sum = v3_add(sum, v3_sub(v3(neutral + 3 * i), v3(head->g.vertices + 3 * i)));
    }
    return v3_scale(sum, 1.f / (float)head->n_ball[side]);
}

void mn_head_pose(const mn_head *head, const float *neutral, const float *effective, const float turn[3],
                  const float gaze[2], float *out, float skull[12]) {
    static const motion REST = {{1, 0, 0, 0, 1, 0, 0, 0, 1}, {0, 0, 0}, true};
    const mn_geometry *g = &head->g;
    size_t count = 3 * (size_t)g->n_vertices;
    if (out != neutral) memcpy(out, neutral, count * sizeof *out);
    motion m[MN_HEAD_JOINTS];
    const float look[3] = {-gaze[1], gaze[0], 0};
    for (int j = 0; j < MN_HEAD_JOINTS; j++) {
        bool eye = j == MN_J_EYE_LEFT || j == MN_J_EYE_RIGHT;
        float share = j == MN_J_NECK ? NECK_SHARE : j == MN_J_HEAD ? 1 - NECK_SHARE : eye ? 1 : 0, R[9];
        const float *angles = eye ? look : turn;
        vec3 pivot = v3(g->joints + 3 * j);
        if (eye) pivot = v3_add(pivot, eye_shift(head, neutral, j - MN_J_EYE_LEFT));
        rotation(angles, share, R);
        bool still = share == 0 || (angles[0] == 0 && angles[1] == 0 && angles[2] == 0);
        m[j] = turn_about(g->joint_parents[j] < 0 ? &REST : &m[g->joint_parents[j]], R, pivot, still);
    }
    if (effective)
        for (int k = 0; k < MN_EXPR_UNITS; k++) {
            const float *unit = g->units + (size_t)k * count, w = effective[k];
            if (w != 0)
                for (size_t i = 0; i < count; i++) out[i] += w * unit[i];
        }
    if (skull) {
        const motion *h = &m[MN_J_HEAD];
        const float b[3] = {h->b.x, h->b.y, h->b.z};
        for (int i = 0; i < 3; i++) {
            memcpy(skull + 4 * i, h->A + 3 * i, 3 * sizeof(float));
            skull[4 * i + 3] = b[i];
        }
    }
    int moving[MN_HEAD_JOINTS], n = 0;
    for (int j = 0; j < MN_HEAD_JOINTS; j++) if (!m[j].still) moving[n++] = j;
    for (int i = 0; n && i < g->n_vertices; i++) {
        vec3 p = v3(out + 3 * i), q = p;
        for (int k = 0; k < n; k++) {
            const motion *a = &m[moving[k]];
            float w = g->weights[(size_t)i * MN_HEAD_JOINTS + (size_t)moving[k]];
            if (w != 0) q = v3_mad(q, v3_sub(v3_add(v3_apply(a->A, p), a->b), p), w);
        }
        v3_store(out + 3 * i, q);
    }
}

void mn_head_skin_normals(const mn_head *head, const float *vertices, float *out) {
    const int32_t *weld = head->g.weld;
    memset(out, 0, 3 * (size_t)head->g.n_vertices * sizeof *out);
    for (int i = 0; i < head->n_skin_triangles; i++) {
        const int32_t *t = head->skin_triangles + 3 * i;
        vec3 a = v3(vertices + 3 * t[0]), n = v3_cross(v3_sub(v3(vertices + 3 * t[1]), a), v3_sub(v3(vertices + 3 * t[2]), a));
        for (int k = 0; k < 3; k++) {
            float *sum = out + 3 * weld[t[k]];
            v3_store(sum, v3_add(v3(sum), n));
        }
    }
    for (int i = 0; i < head->g.n_vertices; i++)
        if (weld[i] != i) memcpy(out + 3 * i, out + 3 * weld[i], 3 * sizeof *out);
}
