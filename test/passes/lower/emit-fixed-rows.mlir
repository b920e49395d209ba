// Few rows by int4 weights: x in fixed point, so that products are sums of
// integers, per machine.
// RUN: tenon-opt %s -split-input-file -tenon-lower-to-kern -tenon-fuse-groups \
// RUN:   -tenon-key-kernels -tenon-plan-arena -tenon-emit-kernels \
// RUN:   | FileCheck %s

#vnni = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 64 : i64, "tenon.masks" = 1 : i64, "tenon.permute" = 1 : i64, "tenon.byte_dot" = 2 : i64>>

// Three digits of a byte in scratch, the exponent of the largest |x| of a block;
// rows with what is not finite stay floats.
// CHECK-LABEL: func.func @matmul_f32_
// CHECK:         vector.reduction <maxsi>
// CHECK:         arith.fptosi
// CHECK-COUNT-3: arith.trunci {{.*}} : vector<16xi32> to vector<16xi8>
// CHECK:         vector.reduction <add>
// CHECK:         %[[FIXED:.*]] = arith.cmpi slt
// CHECK:         scf.if %[[FIXED]]
// CHECK-COUNT-24: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// CHECK:         arith.sitofp
// CHECK:         math.fma
// CHECK:         llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"
module attributes {dlti.target_system_spec = #vnni} {
  func.func @main(%x: tensor<1x64xf32>) -> tensor<1x16xf32> {
    %w = pack.constant(dense<0.5> : tensor<64x16xf32>) : tensor<64x16xf32>
    %q = pack.encode %w : tensor<64x16xf32> to tensor<64x16xf32, #pack.int<4, group = 32, scale = f16>>
    %0 = nn.matmul %x, %q : (tensor<1x64xf32>, tensor<64x16xf32, #pack.int<4, group = 32, scale = f16>>) -> tensor<1x16xf32>
    return %0 : tensor<1x16xf32>
  }
}

// -----

#avx2 = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 32 : i64, "tenon.permute" = 1 : i64, "tenon.byte_dot" = 1 : i64>>

// Sums of a block's products fit words: one addition of pairs at its end.
// CHECK-LABEL: func.func @matmul_f32_
// CHECK:         scf.if
// CHECK:         llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// CHECK-NOT:     pmadd.wd
// CHECK:         arith.addi {{.*}} : vector<16xi16>
// CHECK:         llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// CHECK-NOT:     pmadd.ub.sw
// CHECK:         arith.sitofp
module attributes {dlti.target_system_spec = #avx2} {
  func.func @main(%x: tensor<1x64xf32>) -> tensor<1x64xf32> {
    %w = pack.constant(dense<0.5> : tensor<64x64xf32>) : tensor<64x64xf32>
    %q = pack.encode %w : tensor<64x64xf32> to tensor<64x64xf32, #pack.int<4, group = 32, scale = f16>>
    %0 = nn.matmul %x, %q : (tensor<1x64xf32>, tensor<64x64xf32, #pack.int<4, group = 32, scale = f16>>) -> tensor<1x64xf32>
    return %0 : tensor<1x64xf32>
  }
}

// -----

#plain = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 16 : i64>>

// Without dot products of bytes: the same sum, a number of 24 bits at a time.
// CHECK-LABEL: func.func @matmul_f32_
// CHECK-NOT:     arith.trunci
// CHECK:         scf.if
// CHECK:         arith.muli {{.*}} : vector<4xi32>
module attributes {dlti.target_system_spec = #plain} {
  func.func @main(%x: tensor<1x64xf32>) -> tensor<1x16xf32> {
    %w = pack.constant(dense<0.5> : tensor<64x16xf32>) : tensor<64x16xf32>
    %q = pack.encode %w : tensor<64x16xf32> to tensor<64x16xf32, #pack.int<4, group = 32, scale = f16>>
    %0 = nn.matmul %x, %q : (tensor<1x64xf32>, tensor<64x16xf32, #pack.int<4, group = 32, scale = f16>>) -> tensor<1x16xf32>
    return %0 : tensor<1x16xf32>
  }
}

// -----

#vnni = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 64 : i64, "tenon.masks" = 1 : i64, "tenon.permute" = 1 : i64, "tenon.byte_dot" = 2 : i64>>

// Codes of 8 bits, and one scale for all of k, stay with floats.
// CHECK-LABEL: func.func @matmul_f32_
// CHECK-NOT:     vpdpbusd
// CHECK-NOT:     arith.fptosi
// CHECK:         return
module attributes {dlti.target_system_spec = #vnni} {
  func.func @main(%x: tensor<1x64xf32>) -> (tensor<1x16xf32>, tensor<1x16xf32>) {
    %w = pack.constant(dense<0.5> : tensor<64x16xf32>) : tensor<64x16xf32>
    %q = pack.encode %w : tensor<64x16xf32> to tensor<64x16xf32, #pack.int<8, group = 32, scale = f16>>
    %0 = nn.matmul %x, %q : (tensor<1x64xf32>, tensor<64x16xf32, #pack.int<8, group = 32, scale = f16>>) -> tensor<1x16xf32>
    %p = pack.encode %w : tensor<64x16xf32> to tensor<64x16xf32, #pack.int<4, scale = f32>>
    %1 = nn.matmul %x, %p : (tensor<1x64xf32>, tensor<64x16xf32, #pack.int<4, scale = f32>>) -> tensor<1x16xf32>
    return %0, %1 : tensor<1x16xf32>, tensor<1x16xf32>
  }
}
