// RUN: tenon-opt %s -tenon-key-kernels -tenon-plan-arena -tenon-emit-kernels | FileCheck %s

// What time does not move is loaded before it starts, the four states are
// carried in registers, and the sum over them runs in order.
// CHECK-LABEL: func.func @scan_f32_
// CHECK:       scf.for
// CHECK:         scf.for
// CHECK:           vector.load
// CHECK:           scf.for %{{.+}} = %{{.+}} to %{{.+}} step %{{.+}} iter_args(%[[A:.+]] = %{{.+}}, %[[B:.+]] = %{{.+}}, %[[C:.+]] = %{{.+}}, %[[D:.+]] = %{{.+}}) -> (vector<[[W:[0-9]+]]xf32>, vector<[[W]]xf32>, vector<[[W]]xf32>, vector<[[W]]xf32>)
// CHECK:             vector.load
// A term that is a product with no other reader is a fused multiply-add.
// CHECK-COUNT-4:     math.fma
// CHECK-NOT:         arith.mulf
// CHECK-COUNT-3:     arith.addf
// CHECK-NOT:         arith.addf
// CHECK:             vector.store
// CHECK:             scf.yield
// CHECK-NOT:   fastmath
func.func @main(%x: tensor<5x32xf32>, %a: tensor<4x32xf32>, %h0: tensor<4x32xf32>) -> tensor<5x32xf32> {
  %h, %y = kern.scan ins(%x, %a : tensor<5x32xf32>, tensor<4x32xf32>) inits(%h0 : tensor<4x32xf32>)
      sizes #nn.dims<32, 4, 5> symbols #nn.dims<>
      maps [affine_map<(d, n, t) -> (t, d)>, affine_map<(d, n, t) -> (n, d)>,
            affine_map<(d, n, t) -> (n, d)>, affine_map<(d, n, t) -> (n, d)>,
            affine_map<(d, n, t) -> (t, d)>]
      shapes [#nn.dims<4, 32>, #nn.dims<5, 32>] {
  ^bb0(%s: f32, %x0: f32, %a0: f32):
    %kept = arith.mulf %a0, %s : f32
    %next = arith.addf %kept, %x0 : f32
    %sum = kern.fold %next : f32
    kern.yield %next, %sum : f32, f32
  } -> tensor<4x32xf32>, tensor<5x32xf32>
  return %y : tensor<5x32xf32>
}
