/* The contract between generated code and the runtime, and the one header
 * that the compiler and the runtime share. Its version is checked at init.
 *
 * A compiled model is: a `tenon_model_info` (what it takes and gives), a
 * generated `run` (one `tenon_dispatch` per step), constant step records,
 * kernels, and weights. All symbols carry the model's prefix.
 *
 *   run ──> tenon_dispatch(model, step) ──> lanes ──> kernel(step, tiles, lane)
 */
#ifndef TENON_ABI_H
#define TENON_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_ABI_VERSION 5

/* Sizes, strides and tile numbers. As wide as a pointer: 32-bit targets have
 * no 64-bit division. */
typedef ptrdiff_t tenon_index;

/* Element types, numbered as ONNX TensorProto.DataType numbers them. Types
 * below a byte are stored packed, first element in the low bits. */
typedef enum tenon_type {
  TENON_F32 = 1,
  TENON_U8 = 2,
  TENON_I8 = 3,
  TENON_U16 = 4,
  TENON_I16 = 5,
  TENON_I32 = 6,
  TENON_I64 = 7,
  TENON_BOOL = 9,
  TENON_F16 = 10,
  TENON_F64 = 11,
  TENON_U32 = 12,
  TENON_U64 = 13,
  TENON_BF16 = 16,
  TENON_F8E4M3FN = 17,
  TENON_F8E4M3FNUZ = 18,
  TENON_F8E5M2 = 19,
  TENON_F8E5M2FNUZ = 20,
  TENON_U4 = 21,
  TENON_I4 = 22,
  TENON_F4E2M1 = 23,
  TENON_F8E8M0 = 24,
  TENON_U2 = 25,
  TENON_I2 = 26
} tenon_type;

typedef enum tenon_status {
  TENON_OK = 0,
  TENON_NULL_ARGUMENT = 1,      /* a required pointer is null */
  TENON_ARENA_TOO_SMALL = 2,    /* fewer bytes than arena_bytes(threads) */
  TENON_ARENA_MISALIGNED = 3,   /* the arena is not 64-byte aligned */
  TENON_CPU_UNSUPPORTED = 4,    /* the CPU lacks a feature the code uses */
  TENON_DIM_OUT_OF_BOUNDS = 5,  /* a symbol's size lies outside lo..hi */
  TENON_DIM_MISMATCH = 6,       /* sizes that must agree do not */
  TENON_VALUE_MISMATCH = 7,     /* the data ask for a shape or a branch that
                                   was not compiled */
  TENON_INDEX_OUT_OF_BOUNDS = 8,/* a gather or scatter index is outside */
  TENON_SIZE_OUT_OF_BOUNDS = 9, /* a size found at run time exceeds its bound */
  TENON_THREAD_FAILED = 10,     /* the system refused a thread */
  TENON_WEIGHTS_MISSING = 11,   /* the weights file cannot be read */
  TENON_WEIGHTS_MISMATCH = 12,  /* the weights file is not this model's */
  TENON_ABI_MISMATCH = 13,      /* runtime and model disagree on this header */
  TENON_STEP_LIMIT = 14,        /* a loop ran past its step limit */
  TENON_DEVICE_MISSING = 15,    /* no driver or no GPU for the model */
  TENON_DEVICE_UNSUPPORTED = 16,/* the GPU lacks a feature or size it needs */
  TENON_DEVICE_MEMORY = 17,     /* the GPU has not enough memory */
  TENON_DEVICE_FAILED = 18      /* the GPU's driver reported an error */
} tenon_status;

typedef struct tenon_model tenon_model;
typedef struct tenon_step tenon_step;

/* What one lane (thread) has while it works on tiles of a step. */
typedef struct tenon_lane {
  void *const *bases;  /* [0] arena slots, [1] weights, then inputs, outputs */
  void *scratch;       /* this lane's own, 64-byte aligned */
  int32_t *status;     /* a kernel that finds an error stores it here */
  tenon_index index;   /* 0 .. lanes-1 */
} tenon_lane;

/* Does tiles [begin, end) of a step. */
typedef void (*tenon_kernel)(const tenon_step *step, tenon_index begin,
                             tenon_index end, tenon_lane *lane);

/* Bits of tenon_device_kernel.features. */
typedef enum tenon_device_feature {
  TENON_DEVICE_INT64 = 1u << 0,
  TENON_DEVICE_FLOAT64 = 1u << 1
} tenon_device_feature;

/* What a step of a model for a GPU points to in place of a function. A kernel
 * reads its record from binding 0 (status, tiles, then the step's args behind
 * the buffers, as 32-bit words) and has its buffers at the next bindings; one
 * workgroup does a tile at a time. */
typedef struct tenon_device_kernel {
  const void *code; /* a SPIR-V module with one entry point */
  uint64_t code_bytes;
  int32_t number;   /* 0 .. kernel_count-1 */
  int32_t buffers;
  int32_t words;    /* of the record on the device */
  uint32_t features;
} tenon_device_kernel;

/* One unit of work. Constant where all sizes are; else `run` fills a copy.
 * args: first (base, offset in bytes) per buffer, then sizes, strides and
 * constants (a float32 constant is its bits). */
struct tenon_step {
  union {
    tenon_kernel kernel;
    const tenon_device_kernel *device_kernel;
  };
  tenon_index tiles;
  tenon_index node; /* index into tenon_model_info.step_names */
  tenon_index args[];
};

/* Work split over lanes. A host may bring its own: it must call
 * body(context, i) for each i in 0..count-1 and return when all are done. */
typedef void (*tenon_parallel_for)(void *pool, tenon_index count,
                                   void (*body)(void *context, tenon_index i),
                                   void *context);

/* Called at the begin (begin=1) and end (begin=0) of each step. */
typedef void (*tenon_trace)(void *context, const char *step_name,
                            tenon_index step, int begin);

typedef struct tenon_hooks {
  int32_t threads;                /* lanes; 0 means 1 */
  tenon_parallel_for parallel_for;/* null: the runtime's own pool */
  void *pool;                     /* handed to parallel_for */
  tenon_trace trace;              /* null: no trace */
  void *trace_context;
  const void *weights;            /* weights kept in a file, mapped by the
                                     caller; null: embedded */
} tenon_hooks;

/* A size within lo..hi that the caller chooses at each run, or that the run
 * finds in its data. */
typedef struct tenon_symbol_info {
  const char *name;
  int64_t lo, hi;
} tenon_symbol_info;

typedef struct tenon_tensor_info {
  const char *name;
  int32_t type; /* tenon_type */
  int32_t rank;
  /* Per dimension: a size >= 0, or -1-s for "symbol s", or INT64_MIN for a
   * size that output_dims computes from the sizes. */
  const int64_t *dims;
} tenon_tensor_info;

/* What one run of a step reads and writes and how many operations it does. */
typedef struct tenon_step_cost {
  int64_t bytes, flops;
} tenon_step_cost;

struct tenon_model_info;

/* The program once more, for CPUs that have more features. */
typedef struct tenon_level {
  uint32_t cpu_features;
  tenon_status (*program)(tenon_model *model, const int64_t *symbols,
                          void *const *bases);
} tenon_level;

/* A loader: what runs steps on a GPU in place of the CPU's lanes. Values live
 * in its memory; `begin` takes the inputs there, `end` brings the outputs back
 * when all steps are done, and says which step failed. */
typedef struct tenon_device {
  tenon_status (*open)(void **state, const struct tenon_model_info *info,
                       const void *weights);
  tenon_status (*begin)(void *state, const int64_t *symbols,
                        void *const *bases);
  tenon_status (*dispatch)(void *state, const tenon_step *step);
  tenon_status (*end)(void *state, void *const *bases,
                      tenon_index *failed_step);
  void (*close)(void *state);
  uint64_t slot_bytes; /* of values on the device, at the bounds */
  int32_t kernel_count;
} tenon_device;

typedef struct tenon_model_info {
  uint32_t abi_version;
  uint32_t cpu_features;  /* bits of tenon_cpu_feature the code needs */
  const char *name;
  const char *target;     /* "x86_64-linux-gnu znver4", for people */
  int32_t input_count, output_count, symbol_count, step_count;
  int32_t found_count; /* sizes that the run finds */
  const tenon_tensor_info *inputs, *outputs;
  /* symbol_count that the caller gives, then found_count. */
  const tenon_symbol_info *symbols;
  /* step_count names; behind them one for each check of sizes and each size
   * that is found. */
  const char *const *step_names;
  uint64_t slot_bytes;    /* arena bytes for values, at the bounds */
  uint64_t lane_bytes;    /* scratch bytes per lane */
  uint64_t weight_bytes;
  uint64_t weight_digest; /* FNV-1a 64 of the weight bytes when in a file */
  const void *weights;    /* null when they are in a file */
  uint64_t selftest_seed;
  uint64_t selftest_digest; /* 0: not known */
  /* Sizes of all outputs, concatenated, from the sizes of all symbols: the
   * caller's, then those that a run has found. */
  void (*output_dims)(const int64_t *symbols, int64_t *dims);
  /* The room they need before a run, from the caller's symbols alone. */
  void (*output_bounds)(const int64_t *symbols, int64_t *dims);
  /* The generated program. bases as in tenon_lane. */
  tenon_status (*program)(tenon_model *model, const int64_t *symbols,
                          void *const *bases);
  const tenon_device *device; /* null: steps run on the CPU */
  /* Best first; init takes the first that the CPU has all features of, else
   * `program`. */
  const tenon_level *levels;
  int32_t level_count;
  /* For traces: step_count costs at the largest sizes; null: not known. */
  const tenon_step_cost *step_costs;
  /* Puts those that follow from sizes in their place, from the sizes of all
   * symbols as output_dims has them; null: there are none. */
  void (*late_costs)(const int64_t *symbols, tenon_step_cost *costs);
} tenon_model_info;

/* The arena, every part rounded up to 64 bytes:
 *
 *   header | (2 + inputs + outputs) pointers | sizes found | slots
 *          | lanes * scratch | lanes * lane state
 *
 * The two sizes are the same on every target, so that a generated header can
 * give its arena as a constant; model.c asserts that the structs fit. */
#define TENON_ARENA_HEADER_BYTES 256
#define TENON_ARENA_LANE_BYTES 320

/* Bits of tenon_model_info.cpu_features. A level implies those below it. */
typedef enum tenon_cpu_feature {
  TENON_CPU_X86_V2 = 1u << 0,       /* SSE4.2, POPCNT */
  TENON_CPU_X86_V3 = 1u << 1,       /* AVX2, FMA, F16C, BMI2 */
  TENON_CPU_X86_V4 = 1u << 2,       /* AVX-512 F, BW, CD, DQ, VL */
  TENON_CPU_AVX512_VNNI = 1u << 3,
  TENON_CPU_AVX512_VBMI = 1u << 4,
  TENON_CPU_AVX512_BF16 = 1u << 5,
  TENON_CPU_AVX_VNNI = 1u << 6,
  TENON_CPU_ARM_DOTPROD = 1u << 16,
  TENON_CPU_ARM_I8MM = 1u << 17,
  TENON_CPU_ARM_BF16 = 1u << 18,
  TENON_CPU_ARM_FP16 = 1u << 19
} tenon_cpu_feature;

/* Called by generated code. Runs all tiles of a step on the model's lanes;
 * returns what a kernel reported. */
tenon_status tenon_dispatch(tenon_model *model, void *const *bases,
                            const tenon_step *step);

/* Also called by generated code: notes where the run failed and returns
 * `status`. */
tenon_status tenon_fail(tenon_model *model, tenon_index node,
                        tenon_status status);

/* Also called by generated code: notes a size that the run has found. */
void tenon_note_size(tenon_model *model, tenon_index i, int64_t size);

#ifdef __cplusplus
}
#endif
#endif /* TENON_ABI_H */
