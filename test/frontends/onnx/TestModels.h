// Models that the tests of reading make, byte by byte or as text.
#ifndef TENON_TEST_FRONTENDS_ONNX_TESTMODELS_H
#define TENON_TEST_FRONTENDS_ONNX_TESTMODELS_H

#include "frontends/onnx/Model.h"
#include "frontends/onnx/WireScan.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include "gtest/gtest.h"

#include <cstring>

namespace tenon::onnx {
using llvm::StringRef;

inline std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
  return out;
}

inline std::string number(unsigned field, uint64_t value) {
  return varint(field << 3) + varint(value);
}

inline std::string bytes(unsigned field, const std::string &value) {
  return varint(field << 3 | 2) + varint(value.size()) + value;
}

inline std::string dims(std::initializer_list<uint64_t> values) {
  std::string out;
  for (uint64_t value : values)
    out += number(1, value);
  return out;
}

inline std::string tensor(const std::string &name, int type,
                          const std::string &fields) {
  return fields + number(2, type) + bytes(8, name);
}

inline std::string entry(const std::string &key, const std::string &value) {
  return bytes(13, bytes(1, key) + bytes(2, value));
}

inline std::string value(const std::string &name, int type,
                         std::initializer_list<uint64_t> shape) {
  std::string dimensions;
  for (uint64_t dim : shape)
    dimensions += bytes(1, number(1, dim));
  return bytes(1, name) +
         bytes(2, bytes(1, number(1, type) + bytes(2, dimensions)));
}

inline std::string node(const std::string &op, const std::string &name,
                        std::initializer_list<std::string> inputs,
                        const std::string &output) {
  std::string out;
  for (const std::string &input : inputs)
    out += bytes(1, input);
  return out + bytes(2, output) + bytes(3, name) + bytes(4, op);
}

inline std::string model(const std::string &graph, uint64_t opset = kOpset) {
  return number(1, 10) + bytes(7, bytes(2, "g") + graph) +
         bytes(8, bytes(1, "") + number(2, opset));
}

/// y = x + w, with `initializer` for w.
inline std::string addModel(const std::string &initializer, int type = 1,
                            std::initializer_list<uint64_t> shape = {4}) {
  return model(bytes(1, node("Add", "add", {"x", "w"}, "y")) +
               bytes(5, initializer) + bytes(11, value("x", type, shape)) +
               bytes(12, value("y", type, shape)));
}

inline const char *const textHeader =
    "<ir_version: 10, opset_import: [\"\" : 28]>\n";

inline llvm::Expected<Model> loadBytes(StringRef data,
                                       const LoadOptions &options = {}) {
  return loadModelFromMemory(llvm::MemoryBufferRef(data, "m.onnx"), options);
}

inline llvm::Expected<Model> loadText(const std::string &text,
                                      const LoadOptions &options = {}) {
  // Kept for the test's life: the Model points into it.
  static std::vector<std::unique_ptr<std::string>> texts;
  texts.push_back(std::make_unique<std::string>(text));
  return loadModelFromMemory(llvm::MemoryBufferRef(*texts.back(), "m.onnxtxt"),
                             options);
}

inline std::string errorOf(llvm::Expected<Model> result) {
  if (result)
    return "";
  return llvm::toString(result.takeError());
}

inline void expectContains(const std::string &text, StringRef part) {
  EXPECT_TRUE(StringRef(text).contains(part))
      << "expected '" << part.str() << "' in '" << text << "'";
}

inline LoadOptions translateNothing() {
  LoadOptions options;
  options.hasTranslator = [](StringRef, StringRef) { return false; };
  return options;
}

inline std::vector<std::string> namesOf(const Graph &graph) {
  std::vector<std::string> names;
  for (const Node &n : graph.nodes)
    names.push_back(n.name + ":" + n.opType);
  return names;
}

/// A folder that goes away with the test.
class Folder {
public:
  Folder() { llvm::sys::fs::createUniqueDirectory("tenon-onnx", path); }
  ~Folder() { llvm::sys::fs::remove_directories(path); }

  std::string file(StringRef name) const {
    llvm::SmallString<128> file(path);
    llvm::sys::path::append(file, name);
    return std::string(file);
  }
  std::string write(StringRef name, StringRef content) const {
    std::error_code error;
    llvm::raw_fd_ostream(file(name), error) << content;
    EXPECT_FALSE(error);
    return file(name);
  }

  llvm::SmallString<128> path;
};

} // namespace tenon::onnx

#endif // TENON_TEST_FRONTENDS_ONNX_TESTMODELS_H
