//===- load_test.cpp - reading ONNX files ---------------------------------===//

#include "frontends/onnx/Model.h"
#include "frontends/onnx/WireScan.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include "gtest/gtest.h"

#include <cstring>
#include <random>

using namespace tenon::onnx;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// Models made here
//===----------------------------------------------------------------------===//

static std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
  return out;
}

static std::string number(unsigned field, uint64_t value) {
  return varint(field << 3) + varint(value);
}

static std::string bytes(unsigned field, const std::string &value) {
  return varint(field << 3 | 2) + varint(value.size()) + value;
}

static std::string dims(std::initializer_list<uint64_t> values) {
  std::string out;
  for (uint64_t value : values)
    out += number(1, value);
  return out;
}

static std::string tensor(const std::string &name, int type,
                          const std::string &fields) {
  return fields + number(2, type) + bytes(8, name);
}

static std::string entry(const std::string &key, const std::string &value) {
  return bytes(13, bytes(1, key) + bytes(2, value));
}

static std::string value(const std::string &name, int type,
                         std::initializer_list<uint64_t> shape) {
  std::string dimensions;
  for (uint64_t dim : shape)
    dimensions += bytes(1, number(1, dim));
  return bytes(1, name) +
         bytes(2, bytes(1, number(1, type) + bytes(2, dimensions)));
}

static std::string node(const std::string &op, const std::string &name,
                        std::initializer_list<std::string> inputs,
                        const std::string &output) {
  std::string out;
  for (const std::string &input : inputs)
    out += bytes(1, input);
  return out + bytes(2, output) + bytes(3, name) + bytes(4, op);
}

static std::string model(const std::string &graph, uint64_t opset = kOpset) {
  return number(1, 10) + bytes(7, bytes(2, "g") + graph) +
         bytes(8, bytes(1, "") + number(2, opset));
}

/// y = x + w, with `initializer` for w.
static std::string addModel(const std::string &initializer, int type = 1,
                            std::initializer_list<uint64_t> shape = {4}) {
  return model(bytes(1, node("Add", "add", {"x", "w"}, "y")) +
               bytes(5, initializer) + bytes(11, value("x", type, shape)) +
               bytes(12, value("y", type, shape)));
}

static const char *const textHeader =
    "<ir_version: 10, opset_import: [\"\" : 28]>\n";

static llvm::Expected<Model> loadBytes(StringRef data,
                                       const LoadOptions &options = {}) {
  return loadModelFromMemory(llvm::MemoryBufferRef(data, "m.onnx"), options);
}

static llvm::Expected<Model> loadText(const std::string &text,
                                      const LoadOptions &options = {}) {
  // Kept for the test's life: the Model points into it.
  static std::vector<std::unique_ptr<std::string>> texts;
  texts.push_back(std::make_unique<std::string>(text));
  return loadModelFromMemory(llvm::MemoryBufferRef(*texts.back(), "m.onnxtxt"),
                             options);
}

static std::string errorOf(llvm::Expected<Model> result) {
  if (result)
    return "";
  return llvm::toString(result.takeError());
}

static void expectContains(const std::string &text, StringRef part) {
  EXPECT_TRUE(StringRef(text).contains(part))
      << "expected '" << part.str() << "' in '" << text << "'";
}

static LoadOptions translateNothing() {
  LoadOptions options;
  options.hasTranslator = [](StringRef, StringRef) { return false; };
  return options;
}

static std::vector<std::string> namesOf(const Graph &graph) {
  std::vector<std::string> names;
  for (const Node &n : graph.nodes)
    names.push_back(n.name + ":" + n.opType);
  return names;
}

namespace {
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
} // namespace

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

TEST(Load, TextModel) {
  auto result = loadText(std::string(textHeader) +
                         "g (float[N,4] x) => (float[N,4] y) {\n"
                         "  [first] t = Relu(x)\n"
                         "  y = Softmax<axis = -1>(t)\n"
                         "}\n");
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_EQ(result->originalOpset, 28);
  EXPECT_EQ(result->opsets[""], 28);
  EXPECT_EQ(namesOf(result->graph),
            (std::vector<std::string>{"first:Relu", "Softmax_1:Softmax"}));
  EXPECT_EQ(result->graph.nodes[1].index, 1);
  EXPECT_EQ(result->graph.nodes[1].getInt("axis", 7), -1);
  EXPECT_EQ(result->graph.nodes[1].getInt("other", 7), 7);
  ASSERT_EQ(result->graph.inputs.size(), 1u);
  const TensorType &type = result->graph.inputs[0].type;
  EXPECT_EQ(type.element, DataType::Float);
  EXPECT_EQ(type.dims[0].symbol, "N");
  EXPECT_EQ(type.dims[1].value, 4);
  // Found by inference.
  ASSERT_EQ(result->graph.valueInfos.size(), 1u);
  EXPECT_EQ(result->graph.valueInfos[0].name, "t");
}

TEST(Load, TextIsKnownByContent) {
  std::string text = std::string("# a comment\n") + textHeader +
                     "g (float[1] x) => (float[1] y) { y = Relu(x) }";
  auto result = loadModelFromMemory(llvm::MemoryBufferRef(text, "model"), {});
  EXPECT_TRUE(bool(result)) << llvm::toString(result.takeError());
}

TEST(Load, SyntaxErrorHasLineAndColumn) {
  std::string error = errorOf(loadText(std::string(textHeader) +
                                       "g (float[1] x) => (float[1] y) {\n"
                                       "  y = Relu(x\n"
                                       "}\n"));
  expectContains(error, "m.onnxtxt:4:1: ");
  error = errorOf(loadText(std::string(textHeader) + "g (float[1] x"));
  expectContains(error, "m.onnxtxt:2:14: ");
}

TEST(Load, NumberOutOfRangeInText) {
  expectContains(
      errorOf(loadText(std::string(textHeader) +
                       "g (float[1] x) => (float[1] y) {\n"
                       "  y = Softmax<axis = 99999999999999999999>(x)\n}")),
      "m.onnxtxt:3:");
}

TEST(Load, DeepTextIsRefused) {
  std::string type;
  for (int i = 0; i < 100000; ++i)
    type += "seq(";
  expectContains(errorOf(loadText(textHeader + ("g (" + type))),
                 "open brackets");
}

TEST(Load, WeightsStayInTheFile) {
  std::string weights(4096, '\1');
  std::string data =
      addModel(tensor("w", 1, dims({1024}) + bytes(9, weights)), 1, {1024});
  auto result = loadBytes(data);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  ASSERT_EQ(result->graph.initializers.size(), 1u);
  const TensorData &w = result->graph.initializers[0];
  EXPECT_EQ(w.file, 0);
  EXPECT_EQ(w.elements(), 1024);
  EXPECT_EQ(w.bytes.data(), data.data() + w.offset);
  EXPECT_EQ(w.bytes.size(), 4096u);
  EXPECT_EQ(w.bytes.front(), '\1');
}

TEST(Load, TypedDataBecomesRawBytes) {
  struct Case {
    int type;
    uint64_t elements;
    std::string field;
    std::string raw;
  };
  std::string packed = bytes(5, varint(1) + varint(uint64_t(-2)) + varint(3));
  Case cases[] = {
      {3, 3, packed, {1, -2, 3}},
      {5, 3, packed, {1, 0, -2, -1, 3, 0}},
      // Bytes as they are: two and four elements in each.
      {22, 5, packed, {1, -2, 3}},
      {26, 9, packed, {1, -2, 3}},
      // Six bits each, packed: 1, 2 and 63.
      {27,
       3,
       bytes(5, varint(1) + varint(2) + varint(63)),
       {char(0x81), char(0xf0), char(0x03)}},
      {7, 1, bytes(7, varint(uint64_t(-1))), std::string(8, '\xff')},
      {12, 1, bytes(11, varint(7)), {7, 0, 0, 0}},
  };
  for (const Case &c : cases) {
    std::string data =
        model(bytes(1, node("Identity", "id", {"w"}, "y")) +
              bytes(5, tensor("w", c.type, dims({c.elements}) + c.field)) +
              bytes(12, value("y", c.type, {c.elements})));
    auto result = loadBytes(data);
    ASSERT_TRUE(bool(result)) << c.type << llvm::toString(result.takeError());
    llvm::ArrayRef<char> got = result->graph.initializers[0].bytes;
    EXPECT_EQ(std::string(got.data(), got.size()), c.raw) << c.type;
  }
}

TEST(Load, LargeTypedDataIsDecoded) {
  std::string numbers;
  for (int i = 0; i < 2000; ++i)
    numbers += varint(uint64_t(int64_t(i - 1000)));
  auto result = loadBytes(
      addModel(tensor("w", 7, dims({2000}) + bytes(7, numbers)), 7, {2000}));
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  const TensorData &w = result->graph.initializers[0];
  EXPECT_EQ(w.file, -1);
  ASSERT_EQ(w.bytes.size(), 16000u);
  int64_t last;
  std::memcpy(&last, w.bytes.data() + 15992, 8);
  EXPECT_EQ(last, 999);
}

TEST(Load, AnInputWithAnInitializerIsAConstant) {
  auto result =
      loadText(std::string(textHeader) + "g (float[1] x, float[1] w = {2.0})"
                                         " => (float[1] y) { y = Add(x, w) }");
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_EQ(result->graph.inputs.size(), 1u);
  EXPECT_EQ(result->graph.initializers.size(), 1u);
}

TEST(Load, NodesAreSorted) {
  auto result = loadText(std::string(textHeader) +
                         "g (float[1] x) => (float[1] y) {\n"
                         "  [c] y = Add(a, b)\n  [b] b = Relu(a)\n"
                         "  [a] a = Neg(x)\n}");
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_EQ(namesOf(result->graph),
            (std::vector<std::string>{"a:Neg", "b:Relu", "c:Add"}));
}

TEST(Load, RepeatedNodeNamesDiffer) {
  auto result =
      loadText(std::string(textHeader) + "g (float[1] x) => (float[1] y) {\n"
                                         "  [n] a = Neg(x)\n  [n] b = Neg(a)\n"
                                         "  [n_1] y = Neg(b)\n}");
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_EQ(namesOf(result->graph),
            (std::vector<std::string>{"n:Neg", "n_2:Neg", "n_1:Neg"}));
}

TEST(Load, ASubgraphReadsOuterValues) {
  const char *format =
      "g (bool[] c, float[1] x) => (float[1] y) {\n"
      "  [if] y = If(c) <\n"
      "    then_branch = t () => (float[1] r) { [inner] r = Add(%s, w) },\n"
      "    else_branch = e () => (float[1] s) { s = Neg(w) }>\n"
      "  [late] w = Relu(x)\n}";
  char text[512];
  std::snprintf(text, sizeof text, format, "x");
  auto result = loadText(std::string(textHeader) + text);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_EQ(namesOf(result->graph),
            (std::vector<std::string>{"late:Relu", "if:If"}));
  const Graph *branch = result->graph.nodes[1].getGraph("then_branch");
  ASSERT_TRUE(branch);
  EXPECT_EQ(branch->nodes[0].name, "inner");
  EXPECT_EQ(branch->nodes[0].index, 2);

  std::snprintf(text, sizeof text, format, "nowhere");
  std::string error = errorOf(loadText(std::string(textHeader) + text));
  expectContains(error, "'then_branch' of node 'if' (If)");
  expectContains(error, "node 'inner' (Add): input 0 'nowhere'");
}

//===----------------------------------------------------------------------===//
// Functions and opsets
//===----------------------------------------------------------------------===//

TEST(Load, LocalFunctionsAreInlined) {
  auto result =
      loadText("<ir_version: 10, opset_import: [\"\" : 28, \"my\" : 1]>\n"
               "g (float[2] x) => (float[2] y) {\n"
               "  [one] t = my.twice(x)\n  [two] y = my.twice(t)\n}\n"
               "<domain: \"my\", opset_import: [\"\" : 28]>\n"
               "twice (a) => (b) { c = Neg(a) [named] b = Add(c, a) }\n");
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_EQ(namesOf(result->graph),
            (std::vector<std::string>{"one/Neg_0:Neg", "one/named:Add",
                                      "two/Neg_0:Neg", "two/named:Add"}));
  EXPECT_EQ(result->graph.nodes[0].outputs[0], "one/c");
  EXPECT_EQ(result->graph.nodes[1].outputs[0], "t");
}

TEST(Load, ATranslatedLocalFunctionStaysACall) {
  LoadOptions options;
  options.hasTranslator = [](StringRef domain, StringRef) {
    return domain == "com.microsoft" || domain.empty();
  };
  auto result = loadText(
      "<ir_version: 10, opset_import: [\"\" : 28, \"com.microsoft\" : 1]>\n"
      "g (float[2] x) => (float[2] y) { y = com.microsoft.QuickGelu(x) }\n"
      "<domain: \"com.microsoft\", opset_import: [\"\" : 28]>\n"
      "QuickGelu (a) => (b) { b = Neg(a) }\n",
      options);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_EQ(result->graph.nodes[0].opType, "QuickGelu");
}

TEST(Load, AFunctionMayHaveAnOlderOpset) {
  auto result =
      loadText("<ir_version: 10, opset_import: [\"\" : 18, \"my\" : 1]>\n"
               "g (float[2,3] x) => (float[2,3] y) { [call] y = my.f(x) }\n"
               "<domain: \"my\", opset_import: [\"\" : 12]>\n"
               "f (a) => (b) { b = Clip(a) }\n");
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_EQ(namesOf(result->graph),
            (std::vector<std::string>{"call/Clip_0:Clip"}));
}

TEST(Load, AFunctionThatCallsItselfIsRefused) {
  expectContains(errorOf(loadText(
                     "<ir_version: 10, opset_import: [\"\" : 28, \"my\" : 1]>\n"
                     "g (float[2] x) => (float[2] y) { [call] y = my.f(x) }\n"
                     "<domain: \"my\", opset_import: [\"\" : 28, \"my\" : 1]>\n"
                     "f (a) => (b) { b = my.f(a) }\n")),
                 "calls itself");
}

TEST(Load, AFunctionBombIsRefused) {
  std::string text = "<ir_version: 10, opset_import: [\"\" : 28, \"my\" : 1]>\n"
                     "g (float[2] x) => (float[2] y) { y = my.f0(x) }\n";
  for (int i = 0; i < 40; ++i) {
    std::string callee = i < 39 ? "my.f" + std::to_string(i + 1) : "Neg";
    text += "<domain: \"my\", opset_import: [\"\" : 28, \"my\" : 1]>\nf" +
            std::to_string(i) + " (a) => (b) { c = " + callee +
            "(a) b = " + callee + "(c) }\n";
  }
  expectContains(errorOf(loadText(text)), "nodes after inlining");
}

TEST(Load, SchemaFunctionsAreExpanded) {
  LoadOptions options;
  options.hasTranslator = [](StringRef, StringRef op) { return op != "Celu"; };
  std::string text = std::string(textHeader) +
                     "g (float[2] x) => (float[2] y) { [act] y = Celu(x) }";
  auto result = loadText(text, options);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  ASSERT_GT(result->graph.nodes.size(), 1u);
  for (const Node &n : result->graph.nodes)
    EXPECT_TRUE(StringRef(n.name).starts_with("act/")) << n.name;
  // The default of alpha has gone into the body.
  EXPECT_EQ(result->graph.nodes[0].opType, "Constant");
  EXPECT_EQ(result->graph.nodes[0].attributes.size(), 1u);

  auto kept = loadText(text);
  ASSERT_TRUE(bool(kept)) << llvm::toString(kept.takeError());
  EXPECT_EQ(kept->graph.nodes.size(), 1u);
}

TEST(Load, FunctionsThatNeedTypesAreExpandedInSubgraphsToo) {
  auto result = loadText(
      std::string(textHeader) +
          "g (bool[] c, float[2,4] x, float[4] s) => (float[2,4] y) {\n"
          "  [if] y = If(c) <\n"
          "    then_branch = t () => (float[2,4] r)"
          " { [norm] r = LayerNormalization(x, s) },\n"
          "    else_branch = e () => (float[2,4] q) { q = Identity(x) }>\n}",
      translateNothing());
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  for (const Node &n : result->graph.nodes[0].getGraph("then_branch")->nodes) {
    EXPECT_NE(n.opType, "LayerNormalization");
    EXPECT_TRUE(StringRef(n.name).starts_with("norm/")) << n.name;
  }
}

TEST(Load, OldOpsetsAreConverted) {
  auto result = loadText("<ir_version: 4, opset_import: [\"\" : 9]>\n"
                         "g (float[1,1,2,2] x) => (float[1,1,4,4] y)\n"
                         "  <float[4] s = {1.0, 1.0, 2.0, 2.0}> {\n"
                         "  [up] y = Upsample<mode = \"nearest\">(x, s)\n}");
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_EQ(result->originalOpset, 9);
  EXPECT_EQ(result->opsets[""], kOpset);
  bool found = false;
  for (const Node &n : result->graph.nodes) {
    found |= n.name == "up" && n.opType == "Resize";
    EXPECT_TRUE(StringRef(n.name).starts_with("up")) << n.name;
  }
  EXPECT_TRUE(found);
}

static std::string scanOfOpset8(const std::string &batch,
                                const std::string &lengths) {
  return "<ir_version: 4, opset_import: [\"\" : 8]>\n"
         "g (float[" +
         batch + ",2,3] x, int64[" + batch + "] n, float[" + batch +
         ",3] i) => (float[" + batch + ",3] f, float[" + batch +
         ",2,3] y) {\n"
         "  [scan] f, y = Scan <num_scan_inputs = 1, body = b"
         " (float[3] s, float[3] e) => (float[3] o, float[3] p)"
         " { o = Add(s, e) p = Identity(o) }>(" +
         lengths + ", i, x)\n}";
}

TEST(Load, ScanOfOpset8LosesItsBatch) {
  auto result = loadText(scanOfOpset8("1", "\"\""));
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  for (const Node &n : result->graph.nodes) {
    EXPECT_TRUE(StringRef(n.name).starts_with("scan")) << n.name;
    if (n.opType == "Scan")
      EXPECT_EQ(n.inputs, (std::vector<std::string>{"scan/i", "scan/x"}));
  }
  EXPECT_EQ(result->graph.nodes.back().opType, "Unsqueeze");
  expectContains(errorOf(loadText(scanOfOpset8("2", "\"\""))),
                 "node 'scan' (Scan): expected a batch of 1");
}

TEST(Load, SlopesOfOpset6AreAligned) {
  auto result = loadText("<ir_version: 3, opset_import: [\"\" : 6]>\n"
                         "g (float[2,3,4,5] x) => (float[2,3,4,5] y)"
                         " <float[3] s = {1.0, 2.0, 3.0}> {\n"
                         "  [act] y = PRelu(x, s)\n}");
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_EQ(result->graph.nodes.back().inputs[1], "act/slope");
  for (const ValueInfo &info : result->graph.valueInfos)
    if (info.name == "act/slope")
      EXPECT_EQ(info.type.dims.size(), 3u);
}

TEST(Load, WhatTheConverterCannotDoIsRefused) {
  std::string error = errorOf(loadText(scanOfOpset8("1", "n")));
  expectContains(error, "cannot convert the model from opset 8 to 28");
  EXPECT_FALSE(StringRef(error).contains(".h:")) << error;
}

TEST(Load, TooNewAnOpsetIsRefused) {
  expectContains(errorOf(loadText("<ir_version: 10, opset_import: [\"\" : 99]>"
                                  "g (float[1] x) => (float[1] y)"
                                  " { y = Relu(x) }")),
                 "uses ai.onnx opset 99; expected 1 to 28");
}

TEST(Load, AnOperatorNewerThanTheOpsetIsRefused) {
  expectContains(errorOf(loadText("<ir_version: 8, opset_import: [\"\" : 15]>"
                                  "g (float[1] x) => (float[1] y)"
                                  " { [m] y = Mish(x) }")),
                 "node 'm' (Mish): the operator is not in opset 15");
}

TEST(Load, UnknownOperatorsPassThrough) {
  auto result = loadText(
      "<ir_version: 8, opset_import: [\"\" : 15, \"com.microsoft\" : 1]>\n"
      "g (float[1,4] x, float[4] s) => (float[1,4] y) {\n"
      "  [norm] n = SimplifiedLayerNormalization<axis = -1>(x, s)\n"
      "  [gelu] y = com.microsoft.FastGelu(n)\n}",
      translateNothing());
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  ASSERT_EQ(result->graph.nodes.size(), 2u);
  EXPECT_EQ(result->graph.nodes[0].opType, "SimplifiedLayerNormalization");
  EXPECT_EQ(result->graph.nodes[0].domain, "");
  EXPECT_EQ(result->graph.nodes[0].getInt("axis", 0), -1);
  EXPECT_EQ(result->graph.nodes[1].domain, "com.microsoft");
  EXPECT_EQ(result->opsets.count("tenon.hidden"), 0u);
}

//===----------------------------------------------------------------------===//
// Refusals
//===----------------------------------------------------------------------===//

TEST(Refuse, UndefinedName) {
  expectContains(errorOf(loadText(std::string(textHeader) +
                                  "g (float[1] x) => (float[1] y)"
                                  " { [add] y = Add(x, z) }")),
                 "m.onnxtxt: node 'add' (Add): input 1 'z' is not defined");
}

TEST(Refuse, UndefinedOutput) {
  expectContains(errorOf(loadText(std::string(textHeader) +
                                  "g (float[1] x) => (float[1] y)"
                                  " { z = Neg(x) }")),
                 "output 'y' of the graph is not defined");
}

TEST(Refuse, TwoDefinitions) {
  expectContains(
      errorOf(loadText(std::string(textHeader) +
                       "g (float[1] x) => (float[1] y)"
                       " { [a] y = Neg(x) [b] y = Relu(x) }")),
      "value 'y' is defined twice: by node 'a' (Neg) and by node 'b' (Relu)");
}

TEST(Refuse, Cycle) {
  expectContains(errorOf(loadText(std::string(textHeader) +
                                  "g (float[1] x) => (float[1] y) {\n"
                                  "  [a] s = Add(x, u)\n  [b] t = Neg(s)\n"
                                  "  [c] u = Relu(t)\n  [d] y = Neg(u)\n}")),
                 "the graph has a cycle: node 'a' (Add) -> node 'b' (Neg) -> "
                 "node 'c' (Relu) -> node 'a' (Add)");
}

TEST(Refuse, OperandsThatDoNotFitTheSchema) {
  expectContains(errorOf(loadText(std::string(textHeader) +
                                  "g (float[1] x) => (float[1] y)"
                                  " { [add] y = Add(x) }")),
                 "node 'add' (Add): ");
}

TEST(Refuse, UnknownElementType) {
  std::string four(16, '\0');
  expectContains(
      errorOf(loadBytes(addModel(tensor("w", 99, dims({4}) + bytes(9, four))))),
      "tensor 'w': expected an element type of ONNX, found 99");
  expectContains(errorOf(loadBytes(
                     addModel(tensor("w", 1, dims({4}) + bytes(9, four)), 77))),
                 "expected an element type of ONNX, found 77");
}

TEST(Refuse, BytesThatDoNotFitTheDimensions) {
  expectContains(errorOf(loadBytes(addModel(tensor(
                     "w", 1, dims({4}) + bytes(9, std::string(15, '\0')))))),
                 "tensor 'w' (float[4]): expected 16 bytes in raw_data, "
                 "found 15");
  std::string large(4000, '\0');
  expectContains(
      errorOf(loadBytes(addModel(tensor("w", 1, dims({4}) + bytes(9, large))))),
      "expected 16 bytes in raw_data, found 4000");
  uint64_t huge = uint64_t(1) << 40;
  expectContains(errorOf(loadBytes(addModel(
                     tensor("w", 1, dims({huge, huge}) + bytes(9, large))))),
                 "expected fewer elements");
  expectContains(errorOf(loadBytes(addModel(
                     tensor("w", 1, dims({uint64_t(-4)}) + bytes(9, large))))),
                 "not negative");
}

TEST(Refuse, ContradictoryTypes) {
  expectContains(
      errorOf(loadText(std::string(textHeader) +
                       "g (float[1] x) => (float[1] y) <int64[1] t>"
                       " { [neg] t = Neg(x) y = Neg(t) }")),
      "node 'neg' (Neg): value 't' is declared with element type int64, but "
      "the operator gives float");
  expectContains(errorOf(loadText(std::string(textHeader) +
                                  "g (float[1] x) => (float[1] y)"
                                  " <float[1] t, int64[1] t>"
                                  " { t = Neg(x) y = Neg(t) }")),
                 "value 't' is declared twice, as float[1] and as int64[1]");
}

TEST(Load, WrongDeclaredDimensionsAreAWarning) {
  auto result = loadText(std::string(textHeader) +
                         "g (float[3] x) => (float[3] y) <float[2] t>"
                         " { [neg] t = Neg(x) y = Neg(t) }");
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  ASSERT_EQ(result->warnings.size(), 1u);
  expectContains(result->warnings[0], "node 'neg' (Neg): value 't'");
  EXPECT_EQ(result->graph.valueInfos[0].type.dims[0].value, 3);
}

TEST(Refuse, NoModel) {
  EXPECT_NE(errorOf(loadBytes("")), "");
  expectContains(errorOf(loadBytes("PK\3\4 a zip file, say")),
                 "m.onnx: malformed protobuf at byte ");
  expectContains(errorOf(loadModel("/nonexistent/m.onnx", {})),
                 "/nonexistent/m.onnx: cannot be read: ");
}

//===----------------------------------------------------------------------===//
// External data
//===----------------------------------------------------------------------===//

static std::string externalModel(const std::string &location,
                                 const std::string &offset = "0",
                                 const std::string &length = "4096") {
  return addModel(tensor("w", 1,
                         dims({1024}) + number(14, 1) +
                             entry("location", location) +
                             entry("offset", offset) + entry("length", length)),
                  1, {1024});
}

TEST(External, IsMapped) {
  Folder folder;
  llvm::sys::fs::create_directory(folder.file("sub"));
  folder.write("sub/w.bin", std::string(100, 'a') + std::string(4096, 'b'));
  std::string path =
      folder.write("m.onnx", externalModel("sub/../sub/w.bin", "100"));
  auto result = loadModel(path, {});
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  const TensorData &w = result->graph.initializers[0];
  ASSERT_EQ(w.file, 1);
  EXPECT_EQ(w.offset, 100u);
  EXPECT_EQ(w.bytes.size(), 4096u);
  EXPECT_EQ(w.bytes.front(), 'b');
  EXPECT_EQ(result->files[1].buffer->getBufferStart() + 100, w.bytes.data());
}

TEST(External, MissingShortOutside) {
  Folder outer;
  outer.write("secret", std::string(8192, 's'));
  ASSERT_FALSE(llvm::sys::fs::create_directory(outer.file("in")));
  outer.write("in/short.bin", std::string(4000, 's'));
  ASSERT_FALSE(llvm::sys::fs::create_link(outer.file("secret"),
                                          outer.file("in/link.bin")));
  auto load = [&](const std::string &location,
                  const std::string &offset = "0") {
    return errorOf(loadModel(
        outer.write("in/m.onnx", externalModel(location, offset)), {}));
  };
  expectContains(load("none.bin"), "tensor 'w': external data file 'none.bin' "
                                   "cannot be opened");
  expectContains(load("short.bin"), "is too short: expected 4096 bytes at "
                                    "offset 0, but it has 4000");
  expectContains(load("short.bin", "18446744073709551615"), "is too short");
  expectContains(load("short.bin", "-1"), "expected a number for 'offset'");
  expectContains(load("../secret"), "lies outside the model's folder");
  expectContains(load("link.bin"), "lies outside the model's folder");
  expectContains(load(outer.file("secret")), "has an absolute path");
  expectContains(load("."), "outside");
  expectContains(load(std::string("short.bin\0x", 11)), "'location'");
  expectContains(load(""), "'location'");
}

TEST(External, NeedsAFolder) {
  expectContains(errorOf(loadBytes(externalModel("w.bin"))),
                 "the model comes from memory");
}

TEST(External, AFakePayloadIsRefused) {
  std::string fake = addModel(
      tensor("w", 1, dims({4}) + number(14, 1) + entry("tenon.payload", "0")));
  expectContains(errorOf(loadBytes(fake)), "'location'");
}

//===----------------------------------------------------------------------===//
// Damage
//===----------------------------------------------------------------------===//

/// A bit of everything: weights, a subgraph, a function, attributes.
static std::string richModel() {
  std::string branch = bytes(1, node("Neg", "n", {"x"}, "r")) + bytes(2, "b") +
                       bytes(12, value("r", 1, {4}));
  std::string ifNode =
      node("If", "if", {"c"}, "t") +
      bytes(5, bytes(1, "then_branch") + number(20, 5) + bytes(6, branch)) +
      bytes(5, bytes(1, "else_branch") + number(20, 5) + bytes(6, branch));
  std::string constant =
      node("Constant", "k", {}, "k") +
      bytes(5,
            bytes(1, "value") + number(20, 4) +
                bytes(5, tensor("", 7,
                                dims({2}) + bytes(7, varint(1) + varint(2)))));
  std::string call = node("f", "call", {"t"}, "u") + bytes(7, "my");
  std::string function = bytes(1, "f") + bytes(4, "a") + bytes(5, "b") +
                         bytes(7, node("Relu", "", {"a"}, "b")) +
                         bytes(9, bytes(1, "") + number(2, 13)) +
                         bytes(10, "my");
  std::string pool = node("MaxPool", "pool", {"p"}, "q") +
                     bytes(5, bytes(1, "kernel_shape") + number(20, 7) +
                                  number(8, 2) + number(8, 2)) +
                     bytes(5, bytes(1, "strides") + number(20, 7) +
                                  number(8, 2) + number(8, 2));
  std::string graph =
      bytes(1, ifNode) + bytes(1, constant) + bytes(1, call) +
      bytes(1, node("Add", "add", {"u", "w"}, "y")) +
      bytes(1, node("Reshape", "reshape", {"y", "k"}, "z")) + bytes(1, pool) +
      bytes(1,
            node("BatchNormalization", "bn", {"q", "s", "s", "s", "s"}, "v")) +
      bytes(5, tensor("w", 1, dims({4}) + bytes(9, std::string(16, '\1')))) +
      bytes(5, tensor("s", 1, dims({1}) + bytes(4, std::string(4, '\1')))) +
      bytes(5,
            tensor("big", 1, dims({300}) + bytes(9, std::string(1200, '\2')))) +
      bytes(11, value("x", 1, {4})) + bytes(11, value("c", 9, {})) +
      bytes(11, value("p", 1, {1, 1, 4, 4})) + bytes(12, value("y", 1, {4})) +
      bytes(12, value("v", 1, {1, 1, 2, 2})) + bytes(13, value("t", 1, {4}));
  return number(1, 8) + bytes(7, bytes(2, "g") + graph) +
         bytes(8, bytes(1, "") + number(2, 12)) +
         bytes(8, bytes(1, "my") + number(2, 1)) + bytes(25, function);
}

TEST(Damage, TheModelItselfIsFine) {
  auto result = loadBytes(richModel(), translateNothing());
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
}

TEST(Damage, Truncated) {
  std::string whole = richModel();
  for (size_t length = 0; length < whole.size(); ++length) {
    // On the heap, so that a sanitizer sees a read behind the end.
    std::vector<char> part(whole.begin(), whole.begin() + length);
    auto result = loadBytes(StringRef(part.data(), part.size()));
    if (!result)
      llvm::consumeError(result.takeError());
  }
}

TEST(Damage, FlippedBits) {
  std::string whole = richModel();
  std::mt19937 random(1);
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<char> damaged(whole.begin(), whole.end());
    for (unsigned flips = 1 + random() % 3; flips; --flips)
      damaged[random() % damaged.size()] ^= char(1 << random() % 8);
    auto result = loadBytes(StringRef(damaged.data(), damaged.size()),
                            translateNothing());
    if (!result) {
      ++refused;
      EXPECT_NE(llvm::toString(result.takeError()), "");
    }
  }
  EXPECT_GT(refused, 200);
}

TEST(Damage, WireScanNamesTheByte) {
  auto scan = scanWire(StringRef("\x08\x0a\x3a\x05", 4));
  ASSERT_FALSE(bool(scan));
  expectContains(llvm::toString(scan.takeError()),
                 "malformed protobuf at byte 2: expected 5 bytes for field 7 "
                 "of ModelProto, found 0");
}

TEST(Damage, DeepNestingIsRefused) {
  std::string graph;
  for (int depth = 0; depth < 2000; ++depth)
    graph = bytes(1, bytes(5, bytes(6, graph)));
  expectContains(errorOf(loadBytes(model(graph))), "inside each other");
}

TEST(Damage, InferenceSurvivesUnknownTypes) {
  // libonnx follows a null pointer for an EyeLike of no known type.
  auto result = loadText(
      "<ir_version: 8, opset_import: [\"\" : 22, \"my\" : 1]>\n"
      "g (float[2,2] x) => (float[2,2] y) { t = my.op(x) y = EyeLike(t) }");
  EXPECT_TRUE(bool(result)) << llvm::toString(result.takeError());
}

TEST(Refuse, AnInputWithoutType) {
  expectContains(
      errorOf(loadBytes(model(bytes(1, node("Neg", "n", {"x"}, "y")) +
                              bytes(11, bytes(1, "x")) +
                              bytes(12, value("y", 1, {1}))))),
      "input 'x' of the graph: expected a type");
}
