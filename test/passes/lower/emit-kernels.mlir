// The machine of each module is the only thing that decides how wide vectors
// are. Groups come from nn operations, which are shorter to write.
// RUN: tenon-opt %s -split-input-file -tenon-lower-to-kern -tenon-fuse-groups \
// RUN:   -tenon-key-kernels -tenon-plan-arena -tenon-emit-kernels \
// RUN:   | FileCheck %s --implicit-check-not=fastmath \
// RUN:     --implicit-check-not='vector.reduction <add>' \
// RUN:     --implicit-check-not=vector.fma --implicit-check-not=outerproduct \
// RUN:     --implicit-check-not='memref<?xi1>'

#avx512 = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 64 : i64, "tenon.masks" = 1 : i64, "tenon.registers" = 32 : i64>>

// Buffers and sizes are read from the record, behind kernel, tiles and node.
// CHECK-LABEL: func.func @map_f32_
// CHECK-SAME:    (%[[STEP:.+]]: !llvm.ptr, %[[BEGIN:.+]]: index, %[[END:.+]]: index, %{{.+}}: !llvm.ptr)
// CHECK:         llvm.getelementptr %[[STEP]][3]
// CHECK:         scf.for %{{.+}} = %[[BEGIN]] to %[[END]]
// CHECK:           scf.for
// CHECK:             %[[X:.+]] = vector.load %{{.+}} : memref<?xf32>, vector<16xf32>
// CHECK:             %[[Y:.+]] = math.absf %[[X]] : vector<16xf32>
// CHECK:             vector.store %[[Y]]
// What is left is a vector under a mask.
// CHECK:           scf.for
// CHECK:             %[[LAST:.+]] = vector.maskedload {{.*}} : {{.*}} into vector<16xf32>
// CHECK:             %[[Y:.+]] = math.absf %[[LAST]] : vector<16xf32>
// CHECK:             vector.maskedstore {{.*}}, %[[Y]]
module attributes {dlti.target_system_spec = #avx512} {
  func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
    %0 = nn.abs %x : (tensor<100xf32>) -> tensor<100xf32>
    return %0 : tensor<100xf32>
  }
}

// -----

#avx2 = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 32 : i64, "tenon.registers" = 16 : i64>>

// One number for all lanes is loaded once and stays a scalar until it meets a
// vector; what lies side by side along another loop is turned in registers,
// and what is left of it goes one by one.
// CHECK-LABEL: func.func @map_f32_
// CHECK:         vector.load {{.*}} vector<8xf32>
// CHECK:         %[[ONE:.+]] = memref.load
// CHECK:         %[[ALL:.+]] = vector.broadcast %[[ONE]] : f32 to vector<8xf32>
// CHECK:         arith.addf %{{.+}}, %[[ALL]] : vector<8xf32>
// CHECK-LABEL: func.func @map_f32_
// CHECK-COUNT-8: vector.load {{.*}} vector<8xf32>
// CHECK-COUNT-24: vector.shuffle {{.*}} vector<8xf32>
// CHECK:         vector.store {{.*}} vector<8xf32>
module attributes {dlti.target_system_spec = #avx2} {
  func.func @main(%x: tensor<8x64xf32>, %c: tensor<8x1xf32>) -> (tensor<8x64xf32>, tensor<64x8xf32>) {
    %0 = nn.add %x, %c : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
    %1 = nn.transpose %x {permutation = array<i64: 1, 0>} : (tensor<8x64xf32>) -> tensor<64x8xf32>
    return %0, %1 : tensor<8x64xf32>, tensor<64x8xf32>
  }
}

// -----

#neon = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 16 : i64, "tenon.registers" = 32 : i64>>

// The widest element decides: four floats and four bools. A bool is a byte.
// CHECK-LABEL: func.func @map_i1_
// CHECK:         vector.load {{.*}} vector<4xf32>
// CHECK:         %[[NAN:.+]] = arith.cmpf uno
// CHECK:         %[[BYTES:.+]] = arith.extui %[[NAN]] : vector<4xi1> to vector<4xi8>
// CHECK:         vector.store %[[BYTES]], {{.*}} memref<?xi8>, vector<4xi8>
module attributes {dlti.target_system_spec = #neon} {
  func.func @main(%x: tensor<100xf32>) -> tensor<100xi1> {
    %0 = nn.is_nan %x : (tensor<100xf32>) -> tensor<100xi1>
    return %0 : tensor<100xi1>
  }
}

// -----

#avx512 = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 64 : i64, "tenon.masks" = 1 : i64, "tenon.registers" = 32 : i64>>

// 64 lanes are four registers; they fold as a tree of halves on every CPU.
// CHECK-LABEL: func.func @reduce_f32_
// CHECK:         memref.alloca() {{.*}} memref<64xf32>
// CHECK:         scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK-COUNT-4:   arith.addf {{.*}} : vector<16xf32>
// CHECK:         scf.if
// CHECK:           scf.for
// CHECK:             vector.maskedload
// CHECK:             arith.addf {{.*}} : vector<16xf32>
// CHECK:             arith.select
// CHECK-COUNT-3: arith.addf {{.*}} : vector<16xf32>
// CHECK:         arith.addf {{.*}} : vector<8xf32>
// CHECK:         arith.addf {{.*}} : vector<4xf32>
// CHECK:         arith.addf {{.*}} : vector<2xf32>
// CHECK:         arith.addf {{.*}} : vector<1xf32>
module attributes {dlti.target_system_spec = #avx512} {
  func.func @main(%x: tensor<8x100xf32>) -> tensor<8xf32> {
    %0 = nn.reduce %x {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = false} : (tensor<8x100xf32>) -> tensor<8xf32>
    return %0 : tensor<8xf32>
  }
}

// -----

#neon = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 16 : i64, "tenon.registers" = 32 : i64>>

// The same lanes in sixteen registers, the same tree: 8 + 4 + 2 + 1 additions.
// CHECK-LABEL: func.func @reduce_f32_
// CHECK:         memref.alloca() {{.*}} memref<64xf32>
// CHECK-COUNT-16:  arith.addf {{.*}} : vector<4xf32>
// CHECK:         scf.if
// CHECK:           scf.for
// CHECK:             arith.addf {{.*}} : vector<4xf32>
// CHECK:           scf.for
// CHECK:             arith.select
// CHECK-COUNT-15: arith.addf {{.*}} : vector<4xf32>
// CHECK:         arith.addf {{.*}} : vector<2xf32>
// CHECK:         arith.addf {{.*}} : vector<1xf32>
module attributes {dlti.target_system_spec = #neon} {
  func.func @main(%x: tensor<8x100xf32>) -> tensor<8xf32> {
    %0 = nn.reduce %x {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = false} : (tensor<8x100xf32>) -> tensor<8xf32>
    return %0 : tensor<8xf32>
  }
}

// -----

#avx2 = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 32 : i64, "tenon.registers" = 16 : i64>>

// By columns: lanes are results, each summed in order by fused multiply-add;
// four vectors of them side by side.
// CHECK-LABEL: func.func @reduce_f32_
// CHECK:         scf.for {{.*}} -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>)
// CHECK-COUNT-4:   math.fma {{.*}} : vector<8xf32>
// CHECK:         scf.for {{.*}} -> (vector<8xf32>)
// CHECK:           math.fma {{.*}} : vector<8xf32>
// CHECK:         scf.for {{.*}} -> (f32)
// CHECK:           math.fma {{.*}} : f32
module attributes {dlti.target_system_spec = #avx2} {
  func.func @main(%x: tensor<8x100xf32>) -> tensor<100xf32> {
    %0 = nn.reduce %x {kind = #nn.reduce<sum_square>, axes = array<i64: 0>, keepdims = false} : (tensor<8x100xf32>) -> tensor<100xf32>
    return %0 : tensor<100xf32>
  }
}

// -----

// A machine that says nothing has 16 bytes and no masks. An index outside
// is reported through the lane, and zero is read instead.
// CHECK-LABEL: func.func @map_f32_
// CHECK-SAME:    %[[LANE:[^ ]+]]: !llvm.ptr)
// CHECK:         %[[INSIDE:.+]] = arith.cmpi ult, {{.*}} : vector<2xindex>
// CHECK:         vector.reduction <and>, %[[INSIDE]]
// CHECK:         scf.if
// CHECK:           llvm.getelementptr %[[LANE]][2]
// CHECK:           llvm.store %{{.+}} : i32, !llvm.ptr
// CHECK:         arith.select %[[INSIDE]]
func.func @main(%x: tensor<8xf32>, %i: tensor<5xi64>) -> tensor<5xf32> {
  %0 = nn.gather %x, %i {axis = 0 : i64} : (tensor<8xf32>, tensor<5xi64>) -> tensor<5xf32>
  return %0 : tensor<5xf32>
}

// -----

// A window's results lie side by side: lanes are results, and every second
// element comes from two vectors that meet in the middle.
// CHECK-LABEL: func.func @reduce_f32_
// CHECK-NOT:     vector.insert
// CHECK:         %[[LOW:.+]] = vector.load {{.*}} vector<4xf32>
// CHECK-NEXT:    %[[HIGH:.+]] = vector.load {{.*}} vector<4xf32>
// CHECK-NEXT:    vector.shuffle %[[LOW]], %[[HIGH]] [0, 2, 5, 7]
func.func @main(%x: tensor<1x4x33x33xf32>) -> tensor<1x4x16x16xf32> {
  %0 = nn.pool %x {kind = #nn.pool<max>, window = array<i64: 3, 3>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, high = #nn.dims<0, 0>, shape = #nn.dims<16, 16>, countPad = false, p = 2 : i64} : (tensor<1x4x33x33xf32>) -> tensor<1x4x16x16xf32>
  return %0 : tensor<1x4x16x16xf32>
}
