#include "dialects/pack/PanelCodecs.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tenon::pack {

static constexpr int64_t N = kPanelColumns;

//===- Integers -----------------------------------------------------------===//

static void storeScale(char *at, float scale, ScaleFormat format) {
  if (format == ScaleFormat::F16) {
    uint16_t half = toHalf(scale);
    std::memcpy(at, &half, 2);
  } else {
    std::memcpy(at, &scale, 4);
  }
}
static float loadScale(const char *at, ScaleFormat format) {
  if (format == ScaleFormat::F16) {
    uint16_t half;
    std::memcpy(&half, at, 2);
    return fromHalf(half);
  }
  float scale;
  std::memcpy(&scale, at, 4);
  return scale;
}

namespace {
/// Where value i of a block lies: a byte of column 0, and the shift in it.
struct Places {
  std::vector<int32_t> byte, shift;
  explicit Places(const IntCodec &codec) {
    for (int64_t i = 0; i < codec.blockSize(); ++i) {
      byte.push_back(i / codec.unit() * N * 4 + i % 4);
      shift.push_back(i % codec.unit() / 4 * codec.bits);
    }
  }
};
} // namespace

void IntCodec::store(const uint8_t *codes, const float *scales,
                     const uint8_t *zeroPoints, char *stored) const {
  std::memset(stored, 0, bytes());
  Places places(*this);
  int64_t scaleSize = scaleBytes() / N, size = blockSize();
  uint8_t middle = 1 << (bits - 1);
  for (int64_t b = 0; b < blocks(); ++b, stored += blockBytes()) {
    int64_t first = b * size, used = std::min(size, k - first);
    for (int64_t c = 0; c < N; ++c) {
      uint8_t zero = zeroPoints ? zeroPoints[b * N + c] : middle;
      char *column = stored + c * 4;
      for (int64_t i = 0; i < used; ++i)
        column[places.byte[i]] |= codes[c * k + first + i] << places.shift[i];
      // What is behind k decodes to 0.
      for (int64_t i = used; i < size; ++i)
        column[places.byte[i]] |= zero << places.shift[i];
      storeScale(stored + codeBytes() + c * scaleSize, scales[b * N + c],
                 scale);
      if (zeros)
        stored[codeBytes() + scaleBytes() + c] = zero;
    }
  }
}

void IntCodec::encode(const float *values, char *stored) const {
  std::vector<uint8_t> codes(N * k);
  std::vector<float> scales(blocks() * N);
  for (int64_t c = 0; c < N; ++c)
    for (int64_t b = 0; b < blocks(); ++b) {
      int64_t first = b * blockSize();
      int64_t count = std::min(blockSize(), k - first);
      const float *from = values + c * k + first;
      float s = chooseScale(from, count, bits, scale);
      scales[b * N + c] = s;
      quantize(from, count, bits, s, &codes[c * k + first]);
    }
  store(codes.data(), scales.data(), nullptr, stored);
}

void IntCodec::load(const char *stored, uint8_t *codes, float *scales,
                    uint8_t *zeroPoints) const {
  Places places(*this);
  int64_t scaleSize = scaleBytes() / N, size = blockSize();
  int mask = (1 << bits) - 1;
  for (int64_t b = 0; b < blocks(); ++b, stored += blockBytes()) {
    int64_t first = b * size, used = std::min(size, k - first);
    for (int64_t c = 0; c < N; ++c) {
      scales[b * N + c] =
          loadScale(stored + codeBytes() + c * scaleSize, scale);
      zeroPoints[b * N + c] =
          zeros ? stored[codeBytes() + scaleBytes() + c] : 1 << (bits - 1);
      for (int64_t i = 0; i < used; ++i)
        codes[c * k + first + i] =
            (uint8_t)stored[c * 4 + places.byte[i]] >> places.shift[i] & mask;
    }
  }
}

void IntCodec::decode(const char *stored, float *values) const {
  std::vector<uint8_t> codes(N * k), zeroPoints(blocks() * N);
  std::vector<float> scales(blocks() * N);
  load(stored, codes.data(), scales.data(), zeroPoints.data());
  for (int64_t c = 0; c < N; ++c)
    for (int64_t i = 0; i < k; ++i) {
      int64_t block = i / blockSize() * N + c;
      values[c * k + i] =
          scales[block] * (float)(codes[c * k + i] - zeroPoints[block]);
    }
}

//===- 2:4 ----------------------------------------------------------------===//

void TwoFourCodec::encode(const float *values, char *stored) const {
  std::memset(stored, 0, bytes());
  char *scales = stored + blocks() * blockBytes();
  for (int64_t c = 0; c < N; ++c) {
    // The kept values of a column, then their scale.
    std::vector<float> kept(blocks() * 8);
    std::vector<uint8_t> codes(kept.size());
    for (int64_t b = 0; b < blocks(); ++b) {
      uint32_t index = 0;
      for (int64_t g = 0; g < 4; ++g) {
        float four[4];
        for (int64_t i = 0; i < 4; ++i) {
          int64_t at = b * 16 + g * 4 + i;
          four[i] = at < k ? values[c * k + at] : 0;
        }
        int two[2];
        chooseTwoOfFour(four, two);
        for (int s = 0; s < 2; ++s) {
          kept[b * 8 + g * 2 + s] = four[two[s]];
          index |= (uint32_t)(g * 4 + two[s]) << (g * 2 + s) * 4;
        }
      }
      std::memcpy(stored + b * blockBytes() + c * 4, &index, 4);
    }
    if (isInt8) {
      float scale = chooseScale(kept.data(), kept.size(), 8, ScaleFormat::F32);
      quantize(kept.data(), kept.size(), 8, scale, codes.data());
      std::memcpy(scales + c * 4, &scale, 4);
    }
    for (int64_t b = 0; b < blocks(); ++b)
      for (int64_t s = 0; s < 8; ++s) {
        char *block = stored + b * blockBytes() + 64;
        if (isInt8)
          block[s / 4 * 64 + c * 4 + s % 4] = (char)codes[b * 8 + s];
        else
          std::memcpy(block + (s * N + c) * 4, &kept[b * 8 + s], 4);
      }
  }
}

void TwoFourCodec::decode(const char *stored, float *values) const {
  const char *scales = stored + blocks() * blockBytes();
  std::fill(values, values + N * k, 0.f);
  for (int64_t c = 0; c < N; ++c) {
    float scale = 1;
    if (isInt8)
      std::memcpy(&scale, scales + c * 4, 4);
    for (int64_t b = 0; b < blocks(); ++b) {
      const char *block = stored + b * blockBytes();
      uint32_t index;
      std::memcpy(&index, block + c * 4, 4);
      for (int64_t s = 0; s < 8; ++s) {
        float v;
        if (isInt8)
          v = scale *
              (float)((uint8_t)block[64 + s / 4 * 64 + c * 4 + s % 4] - 128);
        else
          std::memcpy(&v, block + 64 + (s * N + c) * 4, 4);
        int64_t at = b * 16 + (index >> 4 * s & 15);
        if (at < k)
          values[c * k + at] = v;
      }
    }
  }
}

//===- Half ---------------------------------------------------------------===//

void HalfCodec::encode(const float *values, char *stored) const {
  for (int64_t i = 0; i < k; ++i)
    for (int64_t c = 0; c < N; ++c) {
      uint16_t half = toHalf(values[c * k + i]);
      std::memcpy(stored + (i * N + c) * 2, &half, 2);
    }
}

void HalfCodec::decode(const char *stored, float *values) const {
  for (int64_t i = 0; i < k; ++i)
    for (int64_t c = 0; c < N; ++c) {
      uint16_t half;
      std::memcpy(&half, stored + (i * N + c) * 2, 2);
      values[c * k + i] = fromHalf(half);
    }
}

//===- Matrices -----------------------------------------------------------===//

void MatrixView::readPanel(int64_t p, std::vector<float> &values) const {
  values.assign(N * k, 0);
  int64_t used = std::min(N, n - p * N);
  // Tensors in files need not be aligned.
  auto at = [&](int64_t i, int64_t c) {
    float v;
    std::memcpy(&v, data + i * kStride + (p * N + c) * nStride, 4);
    return v;
  };
  if (kStride == 1) {
    for (int64_t c = 0; c < used; ++c)
      std::memcpy(&values[c * k], data + (p * N + c) * nStride, 4 * k);
    return;
  }
  for (int64_t i = 0; i < k; ++i)
    for (int64_t c = 0; c < used; ++c)
      values[c * k + i] = at(i, c);
}

bool isFinite(const float *values, int64_t count) {
  bool finite = true;
  for (int64_t i = 0; i < count; ++i)
    finite &= std::isfinite(values[i]);
  return finite;
}

bool isTwoFour(const MatrixView &matrix) {
  std::vector<float> values;
  for (int64_t p = 0; p < matrix.panels(); ++p) {
    matrix.readPanel(p, values);
    for (int64_t c = 0; c < N; ++c)
      for (int64_t i = 0; i < matrix.k; i += 4) {
        int count = 0;
        for (int64_t j = i; j < std::min(i + 4, matrix.k); ++j)
          count += values[c * matrix.k + j] != 0;
        if (count > 2)
          return false;
      }
  }
  return true;
}

} // namespace tenon::pack
