// Panels of 16 columns of a matrix [k, n] in formats that are no plain
// elements: how one panel lies in memory. A panel's values are [16][k] floats.
//
// Integers, "dword interleave": one load of 16 dwords holds 32 / bits values of
// each column, so one layout serves every vector width and dot instruction.
//
//   [blocks of k][k / 4 / planes][16 columns][4 bytes]   then 16 scales, and
//   16 zero points (a byte each) if there are any
//   byte j of a column holds k = 4 p + j in bit field p ("plane")
//
// 2:4, in blocks of 16 k: 8 values of each column are kept.
//
//   [k / 16] { [16 columns] dwords, nibble s: which k slot s multiplies
//              f32: [8 slots][16 columns]
//              i8:  [2][16 columns][4 slots], 128 more than the value }
//   i8: 16 f32 scales behind the last block
#ifndef TENON_DIALECTS_PACK_PANELCODECS_H
#define TENON_DIALECTS_PACK_PANELCODECS_H

#include "dialects/pack/Quantizers.h"
#include <vector>

namespace tenon::pack {

inline constexpr int kPanelColumns = 16;

class PanelCodec {
public:
  explicit PanelCodec(int64_t k) : k(k) {}
  virtual ~PanelCodec() = default;
  int64_t k;

  virtual int64_t bytes() const = 0;
  /// Chooses values and stores them.
  virtual void encode(const float *values, char *stored) const = 0;
  virtual void decode(const char *stored, float *values) const = 0;
};

class IntCodec : public PanelCodec {
public:
  IntCodec(int64_t k, int bits, int64_t group, ScaleFormat scale, bool zeros)
      : PanelCodec(k), bits(bits), group(group), scale(scale), zeros(zeros) {}
  int bits;
  int64_t group; // 0: all of k
  ScaleFormat scale;
  bool zeros;

  int64_t unit() const { return 32 / bits; } // values in a dword
  int64_t blockSize() const {
    return group ? group : (k + unit() - 1) / unit() * unit();
  }
  int64_t blocks() const { return group ? (k + group - 1) / group : 1; }
  int64_t codeBytes() const { return blockSize() * kPanelColumns * bits / 8; }
  int64_t scaleBytes() const { return scale == ScaleFormat::F16 ? 32 : 64; }
  int64_t blockBytes() const {
    return codeBytes() + scaleBytes() + (zeros ? kPanelColumns : 0);
  }
  int64_t bytes() const override { return blocks() * blockBytes(); }
  void encode(const float *values, char *stored) const override;
  void decode(const char *stored, float *values) const override;

  /// Stores chosen values: codes [16][k], scales and zero points [blocks][16].
  /// Without zero points, they are the middle of the range.
  void store(const uint8_t *codes, const float *scales,
             const uint8_t *zeroPoints, char *stored) const;
  /// What was stored, zero points also where they are the middle.
  void load(const char *stored, uint8_t *codes, float *scales,
            uint8_t *zeroPoints) const;
};

class TwoFourCodec : public PanelCodec {
public:
  TwoFourCodec(int64_t k, bool isInt8) : PanelCodec(k), isInt8(isInt8) {}
  bool isInt8;

  int64_t blocks() const { return (k + 15) / 16; }
  int64_t blockBytes() const { return 64 + (isInt8 ? 2 * 64 : 8 * 64); }
  int64_t bytes() const override {
    return blocks() * blockBytes() + (isInt8 ? 64 : 0);
  }
  void encode(const float *values, char *stored) const override;
  void decode(const char *stored, float *values) const override;
};

/// [k][16] in f16.
class HalfCodec : public PanelCodec {
public:
  using PanelCodec::PanelCodec;
  int64_t bytes() const override { return k * kPanelColumns * 2; }
  void encode(const float *values, char *stored) const override;
  void decode(const char *stored, float *values) const override;
};

/// A matrix in memory: element (k, n) at k * kStride + n * nStride.
struct MatrixView {
  const float *data;
  int64_t k, n, kStride, nStride;
  int64_t panels() const { return (n + kPanelColumns - 1) / kPanelColumns; }
  /// The values of panel p as [16][k], zeros where there are no columns.
  void readPanel(int64_t p, std::vector<float> &values) const;
};

/// Whether all values are finite.
bool isFinite(const float *values, int64_t count);
/// Whether of four values along k at most two are not 0, in every column.
bool isTwoFour(const MatrixView &matrix);

} // namespace tenon::pack

#endif // TENON_DIALECTS_PACK_PANELCODECS_H
