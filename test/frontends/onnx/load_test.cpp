//===- load_test.cpp - reading ONNX files ---------------------------------===//

#include "test/frontends/onnx/TestModels.h"

using namespace tenon::onnx;

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

TEST(Load, WrongDeclaredDimensionsAreAWarning) {
  auto result = loadText(std::string(textHeader) +
                         "g (float[3] x) => (float[3] y) <float[2] t>"
                         " { [neg] t = Neg(x) y = Neg(t) }");
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  ASSERT_EQ(result->warnings.size(), 1u);
  expectContains(result->warnings[0], "node 'neg' (Neg): value 't'");
  EXPECT_EQ(result->graph.valueInfos[0].type.dims[0].value, 3);
}
