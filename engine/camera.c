/* camera.c -- cameras on a sphere around the head; the convention is in camera.h.
 *
 * The camera sits at c = radius (sin yaw cos pitch, sin pitch, cos yaw cos pitch); its z axis is -c / |c|, its x axis
 * horizontal, z x x = y (down); roll turns x and y about z. */
#include "camera.h"
#include <math.h>
#include <string.h>

void mn_camera_orbit(float yaw, float pitch, float roll, float radius, float focal, float camera[MN_CAMERA]) {
    static const float DEGREE = .017453292519943295f;
    float sy = sinf(yaw * DEGREE), cy = cosf(yaw * DEGREE), sp = sinf(pitch * DEGREE), cp = cosf(pitch * DEGREE);
    float sr = sinf(roll * DEGREE), cr = cosf(roll * DEGREE);
    const float centre[3] = {sy * cp, sp, cy * cp};
    const float right[3] = {cy, 0, -sy};                       /* stays defined when looking straight down */
    const float down[3] = {sy * sp, -cp, cy * sp};
    memset(camera, 0, MN_CAMERA * sizeof *camera);
    for (int i = 0; i < 3; i++) {
        camera[4 * i] = cr * right[i] + sr * down[i];
        camera[4 * i + 1] = cr * down[i] - sr * right[i];
        camera[4 * i + 2] = -centre[i];
        camera[4 * i + 3] = radius * centre[i];
    }
    camera[15] = 1;
    camera[16] = camera[20] = focal;
    camera[18] = camera[21] = .5f;
    camera[24] = 1;
}
