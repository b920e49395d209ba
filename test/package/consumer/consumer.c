/* Runs both models on rows of ones and prints the last row. */
#include "scale.h"
#include "two.h"

#include <stdalign.h>
#include <stdio.h>

static alignas(64) unsigned char scale_arena[SCALE_ARENA_BYTES(2)];
static alignas(64) unsigned char two_arena[TWO_ARENA_BYTES(1)];

int main(void) {
  float x[8][4], y[8][4];
  for (int i = 0; i < 32; ++i)
    x[0][i] = 1;

  scale *any;
  tenon_hooks hooks = {.threads = 2};
  tenon_status status =
      scale_init(&any, scale_arena, sizeof scale_arena, &hooks);
  if (status == TENON_OK) {
    scale_dims dims = {.N = SCALE_N_MAX};
    status = scale_run(any, &dims, x[0], y[0]);
    scale_close(any);
  }
  if (status != TENON_OK) {
    fprintf(stderr, "scale: %s\n", scale_status_text(status));
    return 1;
  }

  float z[2][4];
  two *model;
  status = two_init(&model, two_arena, sizeof two_arena, NULL);
  if (status == TENON_OK) {
    status = two_run(model, (const float(*)[4])x, z);
    two_close(model);
  }
  if (status != TENON_OK) {
    fprintf(stderr, "two: %s\n", two_status_text(status));
    return 1;
  }
  printf("%g %g %g %g, %g\n", y[7][0], y[7][1], y[7][2], y[7][3], z[1][3]);
  return 0;
}
