//===- refuse_test.cpp - ONNX files that are no good ----------------------===//

#include "test/frontends/onnx/TestModels.h"

#include <random>

using namespace tenon::onnx;

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

TEST(Refuse, AnOutputTwice) {
  expectContains(
      errorOf(loadBytes(model(bytes(1, node("Neg", "neg", {"x"}, "y")) +
                              bytes(11, value("x", 1, {2})) +
                              bytes(12, value("y", 1, {2})) +
                              bytes(12, value("y", 1, {2}))))),
      "output 'y' of the graph is listed twice");
}

TEST(Refuse, AnAttributeOfAnotherType) {
  expectContains(errorOf(loadText(std::string(textHeader) +
                                  "g (float[2] x) => (float[2] y)"
                                  " { [s] y = Softmax <axis = 1.5> (x) }")),
                 "node 's' (Softmax): mismatched attribute type in 's : axis'");
  expectContains(errorOf(loadText(std::string(textHeader) +
                                  "g (float[2] x) => (float[2] y)"
                                  " { [s] y = Softmax <axes = 1> (x) }")),
                 "node 's' (Softmax): unrecognized attribute: axes");
}
