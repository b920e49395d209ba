// Two values that are written in parts at the same time have two buffers.
// Until CSE leaves buffers to be written apart: it joins two kern.empty of one
// shape (and two equal fills), so the second concat overwrites the first.
// RUN: tenon-opt %s -tenon-stage-schedule -tenon-plan-arena | FileCheck %s

// CHECK-LABEL: rt.program @main
// CHECK:     rt.step @{{.+}} [#rt.buffer<arena + [[FIRST:[0-9]+]]>,
// CHECK-NOT: #rt.buffer<arena + [[FIRST]]>
// CHECK-SAME: #rt.buffer<output + 0>]
func.func @main(%a: tensor<2xf32>, %b: tensor<2xf32>) -> tensor<4xf32> {
  %ab = nn.concat %a, %b {axis = 0 : i64} : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  %ba = nn.concat %b, %a {axis = 0 : i64} : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  %0 = nn.sub %ab, %ba : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
