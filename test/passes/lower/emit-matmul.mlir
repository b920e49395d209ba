// Register tiles of a matrix product, per machine.
// RUN: tenon-opt %s -split-input-file -tenon-lower-to-kern -tenon-fuse-groups \
// RUN:   -tenon-key-kernels -tenon-plan-arena -tenon-emit-kernels \
// RUN:   | FileCheck %s --implicit-check-not=fastmath \
// RUN:     --implicit-check-not=vector.fma --implicit-check-not=outerproduct \
// RUN:     --implicit-check-not=vector.reduction

#avx512 = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 64 : i64, "tenon.masks" = 1 : i64, "tenon.registers" = 32 : i64>>

// 10 rows of two panels, 20 accumulators, four steps of k written out; the
// last panel alone is masked.
// CHECK-LABEL: func.func @matmul_f32_
// CHECK:         scf.for {{.*}} iter_args({{(%[^ ]+ = %[^ ]+, ){19}%[^ ]+ = %[^ ]+}})
// CHECK-COUNT-2:   vector.load {{.*}} vector<16xf32>
// CHECK-COUNT-20:  math.fma {{.*}} : vector<16xf32>
// CHECK-COUNT-2:   vector.load {{.*}} vector<16xf32>
// CHECK-COUNT-60:  math.fma {{.*}} : vector<16xf32>
// CHECK-NOT:       math.fma
// CHECK:         vector.store
// CHECK:         vector.create_mask
// CHECK:         vector.maskedload
// CHECK:         vector.maskedstore
module attributes {dlti.target_system_spec = #avx512} {
  func.func @main(%x: tensor<40x8xf32>, %b: tensor<40xf32>) -> tensor<40x40xf32> {
    %w = pack.constant(dense<0.5> : tensor<8x40xf32>) : tensor<8x40xf32>
    %0 = nn.matmul %x, %w : (tensor<40x8xf32>, tensor<8x40xf32>) -> tensor<40x40xf32>
    %1 = nn.add %0, %b : (tensor<40x40xf32>, tensor<40xf32>) -> tensor<40x40xf32>
    return %1 : tensor<40x40xf32>
  }
}

// -----

#avx2 = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 32 : i64, "tenon.registers" = 16 : i64>>

// The same tile in two parts of 5 rows of one panel in two registers; the
// last columns go through the stack.
// CHECK-LABEL: func.func @matmul_f32_
// CHECK:         memref.alloca() {{.*}} memref<8xf32>
// CHECK:         scf.for {{.*}} iter_args({{(%[^ ]+ = %[^ ]+, ){9}%[^ ]+ = %[^ ]+}})
// CHECK-COUNT-40:  math.fma {{.*}} : vector<8xf32>
// CHECK-NOT:       math.fma
// CHECK:         vector.store
// CHECK-NOT:     mask
module attributes {dlti.target_system_spec = #avx2} {
  func.func @main(%x: tensor<40x8xf32>, %b: tensor<40xf32>) -> tensor<40x40xf32> {
    %w = pack.constant(dense<0.5> : tensor<8x40xf32>) : tensor<8x40xf32>
    %0 = nn.matmul %x, %w : (tensor<40x8xf32>, tensor<8x40xf32>) -> tensor<40x40xf32>
    %1 = nn.add %0, %b : (tensor<40x40xf32>, tensor<40xf32>) -> tensor<40x40xf32>
    return %1 : tensor<40x40xf32>
  }
}

// -----

#neon = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 16 : i64, "tenon.registers" = 32 : i64>>

// 5 rows of one panel in four registers.
// CHECK-LABEL: func.func @matmul_f32_
// CHECK:         scf.for {{.*}} iter_args({{(%[^ ]+ = %[^ ]+, ){19}%[^ ]+ = %[^ ]+}})
// CHECK-COUNT-80:  math.fma {{.*}} : vector<4xf32>
// CHECK-NOT:       math.fma
// CHECK:         vector.store
// CHECK-NOT:     mask
module attributes {dlti.target_system_spec = #neon} {
  func.func @main(%x: tensor<40x8xf32>, %b: tensor<40xf32>) -> tensor<40x40xf32> {
    %w = pack.constant(dense<0.5> : tensor<8x40xf32>) : tensor<8x40xf32>
    %0 = nn.matmul %x, %w : (tensor<40x8xf32>, tensor<8x40xf32>) -> tensor<40x40xf32>
    %1 = nn.add %0, %b : (tensor<40x40xf32>, tensor<40xf32>) -> tensor<40x40xf32>
    return %1 : tensor<40x40xf32>
  }
}
