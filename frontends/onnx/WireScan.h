//===- WireScan.h - take the weights out of a protobuf ----------*- C++ -*-===//
//
//   model.onnx (mapped)                       skeleton (a copy, small)
//   ModelProto                                ModelProto
//     graph                                     graph
//       initializer "w"                           initializer "w"
//         dims, data_type                           dims, data_type
//         raw_data <400 MB>      ------>            data_location EXTERNAL
//       node ...                                    external_data
//                                                     "tenon.payload" = "0"
//                                             payloads[0] = (offset, bytes)
//
// libonnx and protobuf see only the skeleton, so they never copy a weight,
// and a file may be larger than protobuf's limit of 2 GiB.
//
//===----------------------------------------------------------------------===//

#ifndef TENON_FRONTENDS_ONNX_WIRESCAN_H
#define TENON_FRONTENDS_ONNX_WIRESCAN_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tenon::onnx {

/// Numbers of the fields of TensorProto that hold elements.
enum class DataField : int {
  FloatData = 4,
  Int32Data = 5,
  StringData = 6,
  Int64Data = 7,
  RawData = 9,
  DoubleData = 10,
  Uint64Data = 11,
};

/// The one field of a tensor that holds its elements, left in the file.
struct WirePayload {
  DataField field;
  uint64_t offset;
  uint64_t bytes;
};

struct WireScan {
  std::string skeleton;
  std::vector<WirePayload> payloads;
};

/// The external_data key whose value is an index into the payloads.
constexpr llvm::StringLiteral kPayloadKey = "tenon.payload";

/// Smaller payloads stay in the skeleton, where shape inference and the opset
/// converter can read them: axes, shapes, scales.
constexpr uint64_t kPayloadThreshold = 1024;

/// Walks `bytes` as a ModelProto, checking every length on the way. The error
/// names the byte offset and does not name the file.
llvm::Expected<WireScan> scanWire(llvm::StringRef bytes,
                                  uint64_t threshold = kPayloadThreshold);

} // namespace tenon::onnx

#endif // TENON_FRONTENDS_ONNX_WIRESCAN_H
