/* camera.c -- cameras on a sphere around the head; the convention is in camera.h.
 *
 * The camera sits at c = radius (sin yaw cos pitch, sin pitch, cos yaw cos pitch); its z axis is -c / |c|, its x axis
 * horizontal, z x x = y (down); roll turns x and y about z. */
#include "camera.h"
#include <math.h>
#include <string.h>

static const float DEGREE = .017453292519943295f;

/* The rotation's columns: right and down turned by roll, and ahead. */
static void set_axes(const float right[3], const float down[3], const float ahead[3], float roll, float camera[MN_CAMERA]) {
    float sr = sinf(roll * DEGREE), cr = cosf(roll * DEGREE);
    for (int i = 0; i < 3; i++) {
        camera[4 * i] = cr * right[i] + sr * down[i];
        camera[4 * i + 1] = cr * down[i] - sr * right[i];
        camera[4 * i + 2] = ahead[i];
    }
}

void mn_camera_orbit(float yaw, float pitch, float roll, float radius, float focal, float camera[MN_CAMERA]) {
    float sy = sinf(yaw * DEGREE), cy = cosf(yaw * DEGREE), sp = sinf(pitch * DEGREE), cp = cosf(pitch * DEGREE);
    const float centre[3] = {sy * cp, sp, cy * cp};
    const float right[3] = {cy, 0, -sy};                       /* stays defined when looking straight down */
    const float down[3] = {sy * sp, -cp, cy * sp};
    memset(camera, 0, MN_CAMERA * sizeof *camera);
    set_axes(right, down, (float[]){-centre[0], -centre[1], -centre[2]}, roll, camera);
    for (int i = 0; i < 3; i++) camera[4 * i + 3] = radius * centre[i];
    camera[15] = 1;
    camera[16] = camera[20] = focal;
    camera[18] = camera[21] = .5f;
    camera[24] = 1;
}

void mn_camera_look_at(const float point[3], float roll, float camera[MN_CAMERA]) {
    const float d[3] = {point[0] - camera[3], point[1] - camera[7], point[2] - camera[11]};
    const float level = hypotf(d[0], d[2]), length = hypotf(level, d[1]);
    if (!(level > 1e-6f * length)) return;
    const float ahead[3] = {d[0] / length, d[1] / length, d[2] / length}, right[3] = {-d[2] / level, 0, d[0] / level};
    const float down[3] = {ahead[1] * right[2] - ahead[2] * right[1], ahead[2] * right[0] - ahead[0] * right[2], ahead[0] * right[1] - ahead[1] * right[0]};
    set_axes(right, down, ahead, roll, camera);
}
