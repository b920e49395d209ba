// Register tiles of a matrix product, per machine.
// RUN: tenon-opt %s -split-input-file -tenon-lower-to-kern -tenon-fuse-groups \
// RUN:   -tenon-key-kernels -tenon-plan-arena -tenon-emit-kernels \
// RUN:   | FileCheck %s --implicit-check-not=fastmath \
// RUN:     --implicit-check-not=vector.fma --implicit-check-not=outerproduct \
// RUN:     --implicit-check-not=vector.reduction

#avx512 = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 64 : i64, "tenon.masks" = 1 : i64, "tenon.registers" = 32 : i64>>

// 12 rows of two panels, 24 accumulators; the last columns are masked.
// CHECK-LABEL: func.func @matmul_f32_
// CHECK:         scf.for
// CHECK-COUNT-2:   vector.load {{.*}} vector<16xf32>
// CHECK-COUNT-24:  math.fma {{.*}} : vector<16xf32>
// CHECK:         vector.create_mask
// CHECK:         vector.maskedload
// CHECK:         vector.maskedstore
module attributes {dlti.target_system_spec = #avx512} {
  func.func @main(%x: tensor<40x8xf32>, %b: tensor<24xf32>) -> tensor<40x24xf32> {
    %w = pack.constant(dense<0.5> : tensor<8x24xf32>) : tensor<8x24xf32>
    %0 = nn.matmul %x, %w : (tensor<40x8xf32>, tensor<8x24xf32>) -> tensor<40x24xf32>
    %1 = nn.add %0, %b : (tensor<40x24xf32>, tensor<24xf32>) -> tensor<40x24xf32>
    return %1 : tensor<40x24xf32>
  }
}

// -----

#avx2 = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 32 : i64, "tenon.registers" = 16 : i64>>

// 6 rows of one panel in two registers; the last columns go through the stack.
// CHECK-LABEL: func.func @matmul_f32_
// CHECK:         memref.alloca() {{.*}} memref<8xf32>
// CHECK-COUNT-12:  math.fma {{.*}} : vector<8xf32>
// CHECK-NOT:     mask
module attributes {dlti.target_system_spec = #avx2} {
  func.func @main(%x: tensor<40x8xf32>, %b: tensor<24xf32>) -> tensor<40x24xf32> {
    %w = pack.constant(dense<0.5> : tensor<8x24xf32>) : tensor<8x24xf32>
    %0 = nn.matmul %x, %w : (tensor<40x8xf32>, tensor<8x24xf32>) -> tensor<40x24xf32>
    %1 = nn.add %0, %b : (tensor<40x24xf32>, tensor<24xf32>) -> tensor<40x24xf32>
    return %1 : tensor<40x24xf32>
  }
}

// -----

#neon = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 16 : i64, "tenon.registers" = 32 : i64>>

// 6 rows of one panel in four registers.
// CHECK-LABEL: func.func @matmul_f32_
// CHECK-COUNT-24:  math.fma {{.*}} : vector<4xf32>
// CHECK-NOT:     mask
module attributes {dlti.target_system_spec = #neon} {
  func.func @main(%x: tensor<40x8xf32>, %b: tensor<24xf32>) -> tensor<40x24xf32> {
    %w = pack.constant(dense<0.5> : tensor<8x24xf32>) : tensor<8x24xf32>
    %0 = nn.matmul %x, %w : (tensor<40x8xf32>, tensor<8x24xf32>) -> tensor<40x24xf32>
    %1 = nn.add %0, %b : (tensor<40x24xf32>, tensor<24xf32>) -> tensor<40x24xf32>
    return %1 : tensor<40x24xf32>
  }
}
