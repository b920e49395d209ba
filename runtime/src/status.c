/* What a status means, in words for the user of a model. */
#include "internal.h"

const char *tenon_status_text(tenon_status status) {
  switch (status) {
  case TENON_OK:
    return "ok";
  case TENON_NULL_ARGUMENT:
    return "a required pointer is null";
  case TENON_ARENA_TOO_SMALL:
    return "the arena is smaller than arena_bytes asks for";
  case TENON_ARENA_MISALIGNED:
    return "the arena is not aligned to 64 bytes";
  case TENON_CPU_UNSUPPORTED:
    return "this CPU lacks a feature that the model was compiled for";
  case TENON_DIM_OUT_OF_BOUNDS:
    return "a dimension lies outside the bounds it was compiled for";
  case TENON_DIM_MISMATCH:
    return "two dimensions that must agree do not";
  case TENON_VALUE_MISMATCH:
    return "the data ask for a shape or a branch that was not compiled";
  case TENON_INDEX_OUT_OF_BOUNDS:
    return "an index in the data lies outside the tensor it points into";
  case TENON_SIZE_OUT_OF_BOUNDS:
    return "a size found while running exceeds its bound";
  case TENON_THREAD_FAILED:
    return "the system refused to start a thread";
  case TENON_WEIGHTS_MISSING:
    return "the weights file is missing or cannot be read";
  case TENON_WEIGHTS_MISMATCH:
    return "the weights file does not belong to this model";
  case TENON_ABI_MISMATCH:
    return "the model was compiled for another version of the runtime";
  case TENON_STEP_LIMIT:
    return "a loop ran past its step limit";
  case TENON_DEVICE_MISSING:
    return "no GPU was found: expected a driver (for Vulkan libvulkan.so.1 and "
           "an ICD); install one, or compile the model for a CPU";
  case TENON_DEVICE_UNSUPPORTED:
    return "the GPU lacks a feature or a buffer size that the model needs; "
           "compile it for a CPU";
  case TENON_DEVICE_MEMORY:
    return "the GPU has not enough memory for the model";
  case TENON_DEVICE_FAILED:
    return "the GPU's driver reported an error";
  }
  return "unknown status";
}
