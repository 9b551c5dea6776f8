/* camera.h -- the camera convention of the generator: 25 numbers per picture.
 *
 * A row-major 4x4 camera-to-world matrix (OpenCV axes: x right, y down, z into the scene), then row-major 3x3 intrinsics
 * for a picture whose width and height are 1.  World units: the head centre is the origin, 2.5 units are a metre. */
#ifndef MN_CAMERA_H
#define MN_CAMERA_H

enum { MN_CAMERA = 25 };
#define MN_CAMERA_RADIUS 2.7f           /* world units from the head centre */
#define MN_CAMERA_FOCAL 3.6f            /* with that radius the picture is 30 cm wide at the head */

/* Looks at the world origin from `radius`.  yaw > 0 moves the camera towards the subject's left (+x), pitch > 0 upwards;
 * roll > 0 turns the camera clockwise, so the picture's content turns counter-clockwise.  Degrees. */
void mn_camera_orbit(float yaw, float pitch, float roll, float radius, float focal, float camera[MN_CAMERA]);
/* From where it is, the camera turns towards this point, its x axis staying horizontal: EG3D's cameras look at a point a
 * little in front of the head's centre.  Before roll is applied; a point straight above or below changes nothing. */
void mn_camera_look_at(const float point[3], float roll, float camera[MN_CAMERA]);

#endif
