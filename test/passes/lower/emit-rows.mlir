// Passes over a row in one kernel: what is more than a load stays in the
// lane's scratch between passes, the rest is loaded again.
// RUN: tenon-opt %s -split-input-file -tenon-lower-to-kern -tenon-fuse-groups \
// RUN:   -tenon-key-kernels -tenon-plan-arena -tenon-emit-kernels \
// RUN:   | FileCheck %s --implicit-check-not=fastmath --implicit-check-not='vector.reduction <add>'

#avx512 = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 64 : i64, "tenon.masks" = 1 : i64, "tenon.registers" = 32 : i64>>

// A row of 100 elements takes 128 of scratch.
// CHECK:       rt.program {{.*}} lane_bytes = 576 : i64
// CHECK-LABEL: func.func @rows_f32_
// CHECK-SAME:    %[[LANE:[^ ]+]]: !llvm.ptr)
// CHECK:         llvm.getelementptr %[[LANE]][1]
// The maximum; nothing is kept.
// CHECK:         scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK-NOT:       vector.store
// CHECK:         scf.if
// e^(x - max) and its sum.
// CHECK:         scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK-COUNT-4:   vector.store
// CHECK:         scf.if
// CHECK:           vector.maskedload
// CHECK:           math.exp {{.*}} : vector<16xf32>
// The quotient reads scratch.
// CHECK:         scf.for
// CHECK:           arith.mulf {{.*}} : vector<16xf32>
// CHECK:           vector.store
// CHECK:         scf.for
// CHECK:           vector.maskedstore
module attributes {dlti.target_system_spec = #avx512} {
  func.func @main(%x: tensor<8x100xf32>) -> tensor<8x100xf32> {
    %0 = nn.softmax %x {axis = 1 : i64} : (tensor<8x100xf32>) -> tensor<8x100xf32>
    return %0 : tensor<8x100xf32>
  }
}

// -----

// A residual sum moves into the first pass and is computed once; a square and
// its sum are one multiply-add; what follows the norm is written with it.
// CHECK-LABEL: func.func @rows_f32_
// CHECK:         scf.for {{.*}} -> (vector<4xf32>
// CHECK:           arith.addf {{.*}} : vector<4xf32>
// CHECK:           vector.store
// CHECK:         math.fma {{.*}} : vector<4xf32>
// CHECK:         math.sqrt {{.*}} : f32
// CHECK:         math.tanh {{.*}} : vector<4xf32>
// CHECK-NOT:   func.func
func.func @main(%x: tensor<8x64xf32>, %r: tensor<8x64xf32>, %s: tensor<64xf32>) -> tensor<8x64xf32> {
  %0 = nn.add %x, %r : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %1 = nn.norm(%0 scale %s) {axis = 1 : i64, epsilon = 1.0e-5 : f32} : (tensor<8x64xf32>, tensor<64xf32>) -> tensor<8x64xf32>
  %2 = nn.tanh %1 : (tensor<8x64xf32>) -> tensor<8x64xf32>
  return %2 : tensor<8x64xf32>
}

// -----

// A transposed row is turned by a map of its own.
// CHECK-LABEL: func.func @map_f32_
// CHECK:         vector.shuffle
// CHECK-LABEL: func.func @rows_f32_
// CHECK-NOT:     vector.insert
func.func @main(%x: tensor<64x40xf32>) -> tensor<40x64xf32> {
  %0 = nn.transpose %x {permutation = array<i64: 1, 0>} : (tensor<64x40xf32>) -> tensor<40x64xf32>
  %1 = nn.softmax %0 {axis = 1 : i64} : (tensor<40x64xf32>) -> tensor<40x64xf32>
  return %1 : tensor<40x64xf32>
}
