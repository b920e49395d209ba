// What this machine can do at most, on one thread: multiply-adds per second and
// bytes read per second. The loops are built for the machine they run on.
#include <stddef.h>

#if defined(__AVX512F__)
enum { kLanes = 16, kChains = 24 };
#elif defined(__AVX__)
enum { kLanes = 8, kChains = 12 };
#else
enum { kLanes = 4, kChains = 24 };
#endif

typedef float floats __attribute__((vector_size(4 * kLanes)));

/// Chains enough to hide the latency, operands in registers. Gives the number
/// of floating-point operations; *keep is what no compiler may leave out.
double fma_loop(long rounds, float *keep) {
#pragma clang fp contract(fast)
  floats sum[kChains], a, b;
  for (int i = 0; i < kLanes; ++i) {
    a[i] = keep[0];
    b[i] = keep[1];
  }
#pragma clang loop unroll(full)
  for (int c = 0; c < kChains; ++c)
    sum[c] = a;
  for (long r = 0; r < rounds; ++r) {
#pragma clang loop unroll(full)
    for (int c = 0; c < kChains; ++c)
      sum[c] = sum[c] * a + b;
    // Not known to be the same in each round.
#if defined(__x86_64__)
    __asm__ volatile("" : "+v"(a));
#else
    __asm__ volatile("" : "+w"(a));
#endif
  }
  floats all = sum[0];
#pragma clang loop unroll(full)
  for (int c = 1; c < kChains; ++c)
    all += sum[c];
  for (int i = 0; i < kLanes; ++i)
    keep[0] += all[i] * 0;
  return 2.0 * kLanes * kChains * rounds;
}

typedef long long words __attribute__((vector_size(64)));

/// Four streams' worth of loads with prefetch; gives a value of all bytes.
long long read_loop(const words *p, size_t bytes) {
  words a = {0}, b = {0}, c = {0}, d = {0};
  for (size_t i = 0, n = bytes / 64; i + 4 <= n; i += 4) {
    for (int j = 0; j < 4; ++j)
      __builtin_prefetch((const char *)(p + i + j) + 3072);
    a ^= p[i];
    b ^= p[i + 1];
    c ^= p[i + 2];
    d ^= p[i + 3];
  }
  a ^= b ^ c ^ d;
  return a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] ^ a[5] ^ a[6] ^ a[7];
}
