/* Does this CPU have what the code needs? Asked at init, so that a missing
 * feature is a status and not an illegal instruction. */
#include "internal.h"

#if defined(__x86_64__) || defined(__i386__)

typedef struct registers {
  uint32_t a, b, c, d;
} registers;

static registers cpuid(uint32_t leaf, uint32_t subleaf) {
  registers r;
  __asm__ volatile("cpuid"
                   : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
                   : "a"(leaf), "c"(subleaf));
  return r;
}

/* Register state that the system saves; without it the CPU's vectors are of
 * no use. */
static uint32_t saved_state(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static bool has(uint32_t value, uint32_t bits) {
  return (value & bits) == bits;
}

static uint32_t cpu_features(void) {
  /* Leaf 1: SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT. */
  const uint32_t v2 =
      1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 23;
  /* Leaf 1: FMA, MOVBE, OSXSAVE, AVX, F16C. Leaf 7: BMI1, AVX2, BMI2. */
  const uint32_t v3 = 1u << 12 | 1u << 22 | 1u << 27 | 1u << 28 | 1u << 29;
  const uint32_t v3_7 = 1u << 3 | 1u << 5 | 1u << 8;
  /* Leaf 7: AVX-512 F, DQ, CD, BW, VL. */
  const uint32_t v4_7 = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;

  uint32_t highest = cpuid(0, 0).a;
  registers one = cpuid(1, 0);
  if (!has(one.c, v2))
    return 0;
  uint32_t found = TENON_CPU_X86_V2;
  if (highest < 7 || !has(one.c, v3))
    return found;
  registers seven = cpuid(7, 0);
  bool lzcnt = cpuid(0x80000000u, 0).a >= 0x80000001u &&
               has(cpuid(0x80000001u, 0).c, 1u << 5);
  uint32_t state = saved_state();
  if (!has(seven.b, v3_7) || !lzcnt || !has(state, 0x06))
    return found;
  found |= TENON_CPU_X86_V3;
  uint32_t more = seven.a >= 1 ? cpuid(7, 1).a : 0;
  if (has(more, 1u << 4))
    found |= TENON_CPU_AVX_VNNI;
  /* Opmask and both halves of the zmm registers. */
  if (!has(seven.b, v4_7) || !has(state, 0xE6))
    return found;
  found |= TENON_CPU_X86_V4;
  if (has(seven.c, 1u << 11))
    found |= TENON_CPU_AVX512_VNNI;
  if (has(seven.c, 1u << 1))
    found |= TENON_CPU_AVX512_VBMI;
  if (has(more, 1u << 5))
    found |= TENON_CPU_AVX512_BF16;
  return found;
}

#elif defined(__aarch64__) && defined(__linux__)

unsigned long getauxval(unsigned long type);

static uint32_t cpu_features(void) {
  unsigned long capabilities = getauxval(16); /* AT_HWCAP */
  unsigned long more = getauxval(26);         /* AT_HWCAP2 */
  uint32_t found = 0;
  if (capabilities & 1ul << 20)
    found |= TENON_CPU_ARM_DOTPROD;
  if (capabilities & 1ul << 10) /* ASIMDHP; FPHP comes with it */
    found |= TENON_CPU_ARM_FP16;
  if (more & 1ul << 13)
    found |= TENON_CPU_ARM_I8MM;
  if (more & 1ul << 14)
    found |= TENON_CPU_ARM_BF16;
  return found;
}

#elif defined(__aarch64__) && defined(__APPLE__)

int sysctlbyname(const char *name, void *old, size_t *old_size, void *fresh,
                 size_t fresh_size);

static uint32_t feature(const char *name, uint32_t bit) {
  int32_t value = 0;
  size_t size = sizeof(value);
  return !sysctlbyname(name, &value, &size, NULL, 0) && value ? bit : 0;
}

static uint32_t cpu_features(void) {
  return feature("hw.optional.arm.FEAT_DotProd", TENON_CPU_ARM_DOTPROD) |
         feature("hw.optional.arm.FEAT_I8MM", TENON_CPU_ARM_I8MM) |
         feature("hw.optional.arm.FEAT_BF16", TENON_CPU_ARM_BF16) |
         feature("hw.optional.arm.FEAT_FP16", TENON_CPU_ARM_FP16);
}

#else

static uint32_t cpu_features(void) { return 0; }

#endif

uint32_t tenon_cpu_missing(uint32_t needed) {
  /* Code for the baseline asks nothing, not even the kernel. */
  return needed ? needed & ~cpu_features() : 0;
}
