/* curves.h -- curves in the face plane, tables read by interpolation, and nearest points in space. */
#ifndef MN_SYNTH_CURVES_H
#define MN_SYNTH_CURVES_H
#include <stdbool.h>
#include <stdint.h>

/* Piecewise linear in a table with rising x; flat beyond its ends (as numpy.interp). */
float mn_interp(float x, int n, const float *xs, const float *ys);

/* Points of the Catmull-Rom curve through points [n,2]: n * steps of them when closed, else (n - 1) * steps + 1.
 * Returns that number; out must have room. */
int mn_catmull_rom(const float *points, int n, int steps, bool closed, float *out);
/* Distance of (x, y) from a polyline; *along 0..1 and *side (+1 left of the direction, -1 right) may be NULL. */
float mn_polyline_distance(const float *line, int n, bool closed, float x, float y, float *along, float *side);
bool mn_inside_polygon(const float *polygon, int n, float x, float y);      /* even-odd rule */

/* A uniform grid over a set of points [n,3]; the points are copied. */
typedef struct mn_grid mn_grid;
mn_grid *mn_grid_new(const float *points, int n, float cell);
void mn_grid_free(mn_grid *grid);
/* Index of the nearest point within `reach`, or -1.  guess: an index expected to be near (-1: none); it only
 * makes the search shorter, the answer is exact. */
int mn_grid_nearest(const mn_grid *grid, const float p[3], float reach, int guess);
/* Indices of points nearer than radius, at most `room` of them; returns how many. */
int mn_grid_within(const mn_grid *grid, const float p[3], float radius, int *out, int room);

#endif
