// The attributes of an rt.step are of the dialect nn, which nothing else in
// this file loads.
// XFAIL: *
// Until rt and kern name nn among their dependentDialects: the parser aborts.
// RUN: tenon-opt %s | FileCheck %s

// CHECK: rt.step @map_f32_1 [] tiles <4> parameters <> constants [] {flops = 0 : i64}
rt.step @map_f32_1 [] tiles <4> parameters <> constants [] {flops = 0 : i64}
