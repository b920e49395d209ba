// Products of int8 rows and integer codes, per machine.
// RUN: tenon-opt %s -split-input-file -tenon-lower-to-kern -tenon-fuse-groups \
// RUN:   -tenon-key-kernels -tenon-plan-arena -tenon-emit-kernels \
// RUN:   | FileCheck %s --implicit-check-not=math.fma

#vnni = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 64 : i64, "tenon.masks" = 1 : i64, "tenon.permute" = 1 : i64, "tenon.byte_dot" = 2 : i64>>

// One instruction for four codes of 16 columns; one scale for all of k.
// CHECK-LABEL: func.func @matmul_f32_
// CHECK:         vector.load {{.*}} memref<?xi8>, vector<4xi8>
// CHECK:         llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// CHECK:         vector.reduction <add>, {{.*}} : vector<16xi32> into i32
// CHECK:         arith.sitofp
// CHECK:         arith.mulf
module attributes {dlti.target_system_spec = #vnni} {
  func.func @main(%x: tensor<1x64xi8>) -> tensor<1x16xf32> {
    %w = pack.constant(dense<0.5> : tensor<64x16xf32>) : tensor<64x16xf32>
    %q = pack.encode %w : tensor<64x16xf32> to tensor<64x16xf32, #pack.int<8, scale = f32>>
    %0 = nn.matmul %x, %q : (tensor<1x64xi8>, tensor<64x16xf32, #pack.int<8, scale = f32>>) -> tensor<1x16xf32>
    return %0 : tensor<1x16xf32>
  }
}

// -----

#avx2 = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 32 : i64, "tenon.permute" = 1 : i64, "tenon.byte_dot" = 1 : i64>>

// Codes of 8 bits would saturate 16-bit sums, so they are widened first.
// CHECK-LABEL: func.func @matmul_f32_
// CHECK-NOT:     pmadd.ub.sw
// CHECK:         llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// CHECK-NOT:     pmadd.ub.sw
module attributes {dlti.target_system_spec = #avx2} {
  func.func @main(%x: tensor<1x64xi8>) -> tensor<1x16xf32> {
    %w = pack.constant(dense<0.5> : tensor<64x16xf32>) : tensor<64x16xf32>
    %q = pack.encode %w : tensor<64x16xf32> to tensor<64x16xf32, #pack.int<8, scale = f32>>
    %0 = nn.matmul %x, %q : (tensor<1x64xi8>, tensor<64x16xf32, #pack.int<8, scale = f32>>) -> tensor<1x16xf32>
    return %0 : tensor<1x16xf32>
  }
}
