//===- MathCoefficients.h - polynomials of ExpandMath -----------*- C++ -*-===//
//
// Written by tools/minimax.py; lowest coefficient first. The error is the
// largest of the rounded polynomial in exact arithmetic, relative to the
// function (of exp relative to expm1, of cos absolute).
//
//===----------------------------------------------------------------------===//

#ifndef TENON_PASSES_LOWER_MATHCOEFFICIENTS_H
#define TENON_PASSES_LOWER_MATHCOEFFICIENTS_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace tenon::minimax {

/// One function's polynomials for both formats.
struct Poly {
  llvm::ArrayRef<double> f32, f64;
};

/// exp(r) = 1 + r + r^2 P(r)
/// on [-0.347267, 0.347267], degree 4, error 2^-25.7.
inline constexpr double kExpF32[] = {
    0x1.fffffep-2, 0x1.5554bp-3, 0x1.555678p-5, 0x1.122868p-7,
    0x1.6be972p-10};

/// exp(r) = 1 + r + r^2 P(r)
/// on [-0.347267, 0.347267], degree 9, error 2^-55.0.
inline constexpr double kExpF64[] = {
    0x1.0000000000005p-1, 0x1.5555555555539p-3, 0x1.55555555521fap-5,
    0x1.1111111119218p-7, 0x1.6c16c17f10e77p-10, 0x1.a01a01747a70ap-13,
    0x1.a019a6c45ade8p-16, 0x1.71de88c68f28dp-19, 0x1.28a2930d70af2p-22,
    0x1.ae6b8960b55cp-26};

/// exp2(r) = 1 + r P(r)
/// on [-0.5, 0.5], degree 5, error 2^-25.9.
inline constexpr double kExp2F32[] = {
    0x1.62e43p-1, 0x1.ebfbdcp-3, 0x1.c6aee8p-5, 0x1.3b2d4ep-7,
    0x1.5f3e44p-10, 0x1.41faap-13};

/// exp2(r) = 1 + r P(r)
/// on [-0.5, 0.5], degree 10, error 2^-55.0.
inline constexpr double kExp2F64[] = {
    0x1.62e42fefa39efp-1, 0x1.ebfbdff82c5a4p-3, 0x1.c6b08d7049fe8p-5,
    0x1.3b2ab6fba0123p-7, 0x1.5d87fe78cd74ep-10, 0x1.4309130ed6ee2p-13,
    0x1.ffcbfba9577c7p-17, 0x1.62bfc7a1f3624p-20, 0x1.b5267d38aad73p-24,
    0x1.e61b47a53c7b8p-28, 0x1.e79b313b97666p-32};

/// log(1 + f) = f - f^2/2 + f^3 P(f)
/// on [-0.333333, 0.333333], degree 7, error 2^-27.3.
inline constexpr double kLogF32[] = {
    0x1.555506p-2, -0x1.fffefp-3, 0x1.99d024p-3, -0x1.559de8p-3,
    0x1.1ed75cp-3, -0x1.f30e9ap-4, 0x1.1e655cp-3, -0x1.080a98p-3};

/// log(1 + f) = f - f^2/2 + f^3 P(f)
/// on [-0.333333, 0.333333], degree 19, error 2^-59.0.
inline constexpr double kLogF64[] = {
    0x1.5555555555538p-2, -0x1.fffffffffff36p-3, 0x1.99999999a008fp-3,
    -0x1.55555555650b8p-3, 0x1.24924920b92bp-3, -0x1.fffffff10a183p-4,
    0x1.c71c740949669p-4, -0x1.99999d5309703p-4, 0x1.745cb664095fbp-4,
    -0x1.5554c868ee7edp-4, 0x1.3b1dac657201dp-4, -0x1.249f6dd50aca1p-4,
    0x1.106a07a4b0727p-4, -0x1.fe6a6ecfe058p-5, 0x1.efb67807cd9dbp-5,
    -0x1.d6cbb665d2e9dp-5, 0x1.563df9bc2b69fp-5, -0x1.3a803405c3e8ep-5,
    0x1.5bfb9f5a85d2ep-4, -0x1.555f7ee8d6fccp-4};

/// sin(x) = x + x^3 P(x^2)
/// on [0.0, 0.618085], degree 2, error 2^-27.9.
inline constexpr double kSinF32[] = {
    -0x1.555546p-3, 0x1.110774p-7, -0x1.9951eep-13};

/// sin(x) = x + x^3 P(x^2)
/// on [0.0, 0.618085], degree 5, error 2^-57.9.
inline constexpr double kSinF64[] = {
    -0x1.5555555555548p-3, 0x1.111111110f732p-7, -0x1.a01a019be97cep-13,
    0x1.71de355585e48p-19, -0x1.ae5e4bcfca9fp-26, 0x1.5d8b6c974280dp-33};

/// cos(x) = 1 - x^2/2 + x^4 P(x^2)
/// on [0.0, 0.618085], degree 2, error 2^-33.1.
inline constexpr double kCosF32[] = {
    0x1.55554ap-5, -0x1.6c0c1ap-10, 0x1.99e0eap-16};

/// cos(x) = 1 - x^2/2 + x^4 P(x^2)
/// on [0.0, 0.618085], degree 5, error 2^-64.2.
inline constexpr double kCosF64[] = {
    0x1.555555555554cp-5, -0x1.6c16c16c1521p-10, 0x1.a01a019cbcd9p-16,
    -0x1.27e4f810457ecp-22, 0x1.1ee9ef52ae61ep-29, -0x1.8fb0018457ccdp-37};

/// tan(x) = x + x^3 P(x^2)
/// on [0.0, 0.618085], degree 5, error 2^-25.7.
inline constexpr double kTanF32[] = {
    0x1.5554dep-2, 0x1.112df6p-3, 0x1.b582bep-5, 0x1.908766p-6,
    0x1.9555ecp-9, 0x1.3418c2p-7};

/// tan(x) = x + x^3 P(x^2)
/// on [0.0, 0.618085], degree 13, error 2^-55.8.
inline constexpr double kTanF64[] = {
    0x1.55555555554efp-2, 0x1.1111111118614p-3, 0x1.ba1ba1b444539p-5,
    0x1.664f49afc882bp-6, 0x1.226e118a6dfddp-7, 0x1.d6d951213718ep-9,
    0x1.7d59f6411db73p-10, 0x1.38065abe24c3ep-11, 0x1.d1e50baae0057p-13,
    0x1.1f49eefed9216p-13, -0x1.c5bdd72399cbep-16, 0x1.79bf076d2c199p-14,
    -0x1.7b3a5cf563366p-15, 0x1.5f5ed9ee47b48p-16};

/// asin(x) = x + x^3 P(x^2)
/// on [0.0, 0.25], degree 4, error 2^-27.6.
inline constexpr double kAsinF32[] = {
    0x1.5555c8p-3, 0x1.330208p-4, 0x1.747b34p-5, 0x1.8c43d6p-6,
    0x1.59578ep-5};

/// asin(x) = x + x^3 P(x^2)
/// on [0.0, 0.25], degree 11, error 2^-54.2.
inline constexpr double kAsinF64[] = {
    0x1.555555555539p-3, 0x1.333333336e7ffp-4, 0x1.6db6db427b0bap-5,
    0x1.f1c72c38c66ffp-6, 0x1.6e89f44461d22p-6, 0x1.1c6be168ff12fp-6,
    0x1.c6fdc6b5eb0f7p-7, 0x1.8ec2d6cac759p-7, 0x1.abd0df198cd5dp-8,
    0x1.3ff3715f5f21p-6, -0x1.09d0ee99e85bp-6, 0x1.056c8ecb83f1ap-5};

/// atan(x) = x + x^3 P(x^2)
/// on [0.0, 1.0], degree 7, error 2^-24.8.
inline constexpr double kAtanF32[] = {
    -0x1.5554dcp-2, 0x1.9978ecp-3, -0x1.230aaap-3, 0x1.b4e01p-4,
    -0x1.35455ap-4, 0x1.6184fcp-5, -0x1.0b0614p-6, 0x1.7b1bfap-9};

/// atan(x) = x + x^3 P(x^2)
/// on [0.0, 1.0], degree 19, error 2^-55.0.
inline constexpr double kAtanF64[] = {
    -0x1.5555555555526p-2, 0x1.99999999955b4p-3, -0x1.249249237eecap-3,
    0x1.c71c717f9d45bp-4, -0x1.745d11aa43f25p-4, 0x1.3b13667172402p-4,
    -0x1.110e502fe5ed5p-4, 0x1.e1bb98cc32972p-5, -0x1.ae5df965cef0ep-5,
    0x1.82d7910e9093p-5, -0x1.59949b71b8a7dp-5, 0x1.2bfc3f947bd11p-5,
    -0x1.e9111c5b1db7p-6, 0x1.66b37b3868d6p-6, -0x1.c3c65464d205p-7,
    0x1.d0f7e80f84713p-8, -0x1.71b9d67f1c9c5p-9, 0x1.a5a92e6a5165dp-11,
    -0x1.30b5c6e8bf2ebp-13, 0x1.a136ecae8af31p-17};

/// sinh(x) = x + x^3 P(x^2)
/// on [0.0, 1.0], degree 3, error 2^-31.6.
inline constexpr double kSinhF32[] = {
    0x1.555556p-3, 0x1.1110ep-7, 0x1.a022bcp-13, 0x1.756c18p-19};

/// sinh(x) = x + x^3 P(x^2)
/// on [0.0, 1.0], degree 6, error 2^-61.8.
inline constexpr double kSinhF64[] = {
    0x1.5555555555556p-3, 0x1.111111111101ep-7, 0x1.a01a01a037257p-13,
    0x1.71de3a3b08b98p-19, 0x1.ae646ff28ee2dp-26, 0x1.6116f5f344404p-33,
    0x1.b5c814fe41ca9p-41};

/// tanh(x) = x + x^3 P(x^2)
/// on [0.0, 0.30294], degree 4, error 2^-29.6.
inline constexpr double kTanhF32[] = {
    -0x1.55554ap-2, 0x1.110cfp-3, -0x1.b91fep-5, 0x1.58fd08p-6,
    -0x1.99f43ap-8};

/// tanh(x) = x + x^3 P(x^2)
/// on [0.0, 0.30294], degree 9, error 2^-55.4.
inline constexpr double kTanhF64[] = {
    -0x1.555555555549bp-2, 0x1.1111111102672p-3, -0x1.ba1ba1ad4ca6ep-5,
    0x1.664f45bc035bep-6, -0x1.226ddc90a34bp-7, 0x1.d6c6068f2a618p-9,
    -0x1.7cf2d7d61645fp-10, 0x1.2f9d2d939eeep-11, -0x1.b8e6767cb57e7p-13,
    0x1.ab9eb7579bbddp-15};

/// 2 atanh(h) = 2 h + h^3 (2/3 + h^2 P(h^2))
/// on [0.0, 0.0401], degree 2, error 2^-34.5.
inline constexpr double kAtanhF32[] = {
    0x1.999aa2p-2, 0x1.2419a4p-2, 0x1.e8fe14p-3};

/// 2 atanh(h) = 2 h + h^3 (2/3 + h^2 P(h^2))
/// on [0.0, 0.0401], degree 7, error 2^-69.0.
inline constexpr double kAtanhF64[] = {
    0x1.9999999999967p-2, 0x1.2492492498f18p-2, 0x1.c71c71bc4e8e7p-3,
    0x1.745d1bd177c69p-3, 0x1.3b1296346803bp-3, 0x1.113a5679bc55bp-3,
    0x1.dac92325f9222p-4, 0x1.0193ea66458d4p-3};

/// erf(t) = 1 - exp(-t - t P(t))
/// on [0.0, 4.0], degree 8, error 2^-27.8.
inline constexpr double kErfF32[] = {
    0x1.06eba8p-3, 0x1.45f3p-1, 0x1.a4f8c4p-4, -0x1.39b7cep-6,
    -0x1.636eb6p-13, 0x1.b7421p-10, -0x1.4e24e8p-11, 0x1.f27c3p-14,
    -0x1.3af1a4p-17};

/// erf(x) = x + x P(x^2)
/// on [0.0, 1.0], degree 13, error 2^-56.3.
inline constexpr double kErfSmallF64[] = {
    0x1.06eba8214db69p-3, -0x1.812746b037a31p-2, 0x1.ce2f21a046ba6p-4,
    -0x1.b82ce313e1bd6p-6, 0x1.565bcd4b26875p-8, -0x1.c02dc0beac7cfp-11,
    0x1.f9a4dedfe55bfp-14, -0x1.f4fa2410d927fp-17, 0x1.bc5d85cc61801p-20,
    -0x1.7a48d894510fp-23, 0x1.c3b42bdd1cb69p-26, -0x1.144abee2cefdap-27,
    0x1.503e7c47ce7b7p-29, -0x1.918924251f312p-32};

/// erfc(t) = exp(-t^2) P((t - 2) / (t + 2))
/// on [-0.333333, 0.5], degree 17, error 2^-52.8.
inline constexpr double kErfcLargeF64[] = {
    0x1.058671b52c776p-2, -0x1.b57034efd3f73p-2, 0x1.eeea7dc8a78b3p-3,
    -0x1.437f0b68c0b3ap-4, 0x1.e94715979e808p-9, 0x1.ca95ed52f240fp-8,
    -0x1.bc25a47acab0ep-11, -0x1.016b5cb7e0782p-10, 0x1.6d5ef4e128d55p-15,
    0x1.6da958e66ca1cp-13, 0x1.cdcd59c4ed2ddp-16, -0x1.ceaeb05a6ae65p-16,
    -0x1.d4c58ec59490cp-17, 0x1.7340bd6ddaacdp-20, 0x1.ff5fc84c30405p-19,
    0x1.3fab9d747aa2fp-20, -0x1.3e636af20c82bp-21, -0x1.98ed8b7f58442p-22};

/// log(2) in three parts, each the rest rounded.
inline constexpr double kLn2F32[] = {
    0x1.62e43p-1, -0x1.05c61p-29, -0x1.950d88p-54};
inline constexpr double kLn2F64[] = {
    0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56, 0x1.7b57a079a1934p-111};

/// log2(e) in three parts, each the rest rounded.
inline constexpr double kLog2EF32[] = {
    0x1.715476p0, 0x1.4ae0cp-26, -0x1.e8883p-52};
inline constexpr double kLog2EF64[] = {
    0x1.71547652b82fep0, 0x1.777d0ffda0d24p-56, -0x1.60bb8a5442ab9p-110};

/// log10(e) in three parts, each the rest rounded.
inline constexpr double kLog10EF32[] = {
    0x1.bcb7b2p-2, -0x1.5b235ep-27, -0x1.cd5954p-54};
inline constexpr double kLog10EF64[] = {
    0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57, 0x1.ee191f71a3012p-112};

/// log10(2) in three parts, each the rest rounded.
inline constexpr double kLog10Of2F32[] = {
    0x1.344136p-2, -0x1.ec10cp-27, -0x1.0cee0ep-54};
inline constexpr double kLog10Of2F64[] = {
    0x1.34413509f79ffp-2, -0x1.9dc1da994fd21p-59, 0x1.22f04d5a618a8p-114};

/// pi / 2 in three parts, each the rest rounded.
inline constexpr double kHalfPiF32[] = {
    0x1.921fb6p0, -0x1.777a5cp-25, -0x1.ee59dap-50};
inline constexpr double kHalfPiF64[] = {
    0x1.921fb54442d18p0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110};

/// 2 / 3 in three parts, each the rest rounded.
inline constexpr double kTwoThirdsF32[] = {
    0x1.555556p-1, -0x1.555556p-26, 0x1.555556p-51};
inline constexpr double kTwoThirdsF64[] = {
    0x1.5555555555555p-1, 0x1.5555555555555p-55, 0x1.5555555555555p-109};

/// The digits of 2/pi after the point, 32 bits each.
inline constexpr uint32_t kTwoOverPi[] = {
    0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599,
    0x3c439041, 0xfe5163ab, 0xdebbc561, 0xb7246e3a, 0x424dd2e0,
    0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e, 0xe88235f5,
    0x2ebb4484, 0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4,
    0x9c845f8b, 0xbdf9283b, 0x1ff897ff, 0xde05980f, 0xef2f118b,
    0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d,
    0x7527bac7, 0xebe5f17b, 0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1,
    0x1f8d5d08, 0x56033046, 0xfc7b6bab, 0xf0cfbc20, 0x9af4361d};

inline constexpr Poly kExp{kExpF32, kExpF64};
inline constexpr Poly kExp2{kExp2F32, kExp2F64};
inline constexpr Poly kLog{kLogF32, kLogF64};
inline constexpr Poly kSin{kSinF32, kSinF64};
inline constexpr Poly kCos{kCosF32, kCosF64};
inline constexpr Poly kTan{kTanF32, kTanF64};
inline constexpr Poly kAsin{kAsinF32, kAsinF64};
inline constexpr Poly kAtan{kAtanF32, kAtanF64};
inline constexpr Poly kSinh{kSinhF32, kSinhF64};
inline constexpr Poly kTanh{kTanhF32, kTanhF64};
inline constexpr Poly kAtanh{kAtanhF32, kAtanhF64};
inline constexpr Poly kLn2{kLn2F32, kLn2F64};
inline constexpr Poly kLog2E{kLog2EF32, kLog2EF64};
inline constexpr Poly kLog10E{kLog10EF32, kLog10EF64};
inline constexpr Poly kLog10Of2{kLog10Of2F32, kLog10Of2F64};
inline constexpr Poly kHalfPi{kHalfPiF32, kHalfPiF64};
inline constexpr Poly kTwoThirds{kTwoThirdsF32, kTwoThirdsF64};

} // namespace tenon::minimax

#endif // TENON_PASSES_LOWER_MATHCOEFFICIENTS_H
