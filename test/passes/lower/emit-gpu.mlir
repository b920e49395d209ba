// A GPU's kernels: one workgroup of 64 a tile, whose elements it shares.
// RUN: tenon-opt %s -split-input-file -tenon-lower-to-kern -tenon-fuse-groups \
// RUN:   -tenon-key-kernels -tenon-plan-arena -tenon-emit-kernels \
// RUN:   | FileCheck %s --implicit-check-not=llvm. --implicit-check-not=vector

#gpu = #dlti.target_system_spec<"GPU" = #dlti.target_device_spec<"tenon.workgroup" = 64 : i64>>

// The record is words: status, tiles, then parameters and constants.
// CHECK-LABEL: func.func @map_f32_
// CHECK-SAME:    (%[[RECORD:.+]]: memref<?xi32>, %[[X:.+]]: memref<?xf32>, %[[Y:.+]]: memref<?xf32>) attributes {tenon.words = 8 : i64}
// CHECK-DAG:     %[[MINE:.+]] = gpu.thread_id x
// CHECK-DAG:     %[[FIRST:.+]] = gpu.block_id x
// CHECK:         memref.load %[[RECORD]]
// CHECK:         %[[BLOCKS:.+]] = gpu.grid_dim x
// CHECK:         scf.for %{{.+}} = %[[FIRST]] to %{{.+}} step %[[BLOCKS]]
// CHECK:           arith.addi %{{.+}}, %[[MINE]]
// CHECK:             %[[V:.+]] = memref.load %[[X]]
// CHECK:             %[[W:.+]] = math.absf %[[V]] : f32
// CHECK:             memref.store %[[W]], %[[Y]]
module attributes {dlti.target_system_spec = #gpu} {
  func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
    %0 = nn.abs %x : (tensor<100xf32>) -> tensor<100xf32>
    return %0 : tensor<100xf32>
  }
}

// -----

#gpu = #dlti.target_system_spec<"GPU" = #dlti.target_device_spec<"tenon.workgroup" = 64 : i64>>

// Slots lie where Vulkan's devices can bind them: 400 bytes and slack are 512.
// CHECK:       rt.program
// CHECK:         rt.step @reduce_{{.+}}, #rt.buffer<arena + 1024>]
// CHECK:         rt.step @reduce_{{.+}}, #rt.buffer<arena + 1536>]
// A row's 64 lanes are a workgroup's invocations and fold as a tree of halves.
// CHECK-LABEL: func.func @reduce_f32_
// CHECK-DAG:     memref.alloc() : memref<64xf32, #gpu.address_space<workgroup>>
// CHECK-DAG:     %[[LANE:.+]] = gpu.thread_id x
// CHECK:         scf.for
// CHECK:           %[[SUM:.+]] = scf.for %{{.+}} = %[[LANE]] to
// CHECK:             arith.addf
// CHECK:           memref.store %[[SUM]], %[[SHARED:.+]][%[[LANE]]]
// CHECK-COUNT-7:   gpu.barrier
// CHECK-NOT:       gpu.barrier
// CHECK:           memref.load %[[SHARED]]
// CHECK:           gpu.barrier
// CHECK-NOT:       gpu.barrier
// CHECK:         return
module attributes {dlti.target_system_spec = #gpu} {
  func.func @main(%x: tensor<100x100xf32>) -> tensor<100xf32> {
    %0 = nn.reduce %x {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = false} : (tensor<100x100xf32>) -> tensor<100xf32>
    %1 = nn.reduce %x {kind = #nn.reduce<max>, axes = array<i64: 1>, keepdims = false} : (tensor<100x100xf32>) -> tensor<100xf32>
    %2 = nn.concat %0, %1 {axis = 0 : i64} : (tensor<100xf32>, tensor<100xf32>) -> tensor<200xf32>
    %3 = nn.reduce %2 {kind = #nn.reduce<sum>, axes = array<i64: 0>, keepdims = true} : (tensor<200xf32>) -> tensor<1xf32>
    %4 = nn.sub %0, %3 : (tensor<100xf32>, tensor<1xf32>) -> tensor<100xf32>
    return %4 : tensor<100xf32>
  }
}

// -----

#gpu = #dlti.target_system_spec<"GPU" = #dlti.target_device_spec<"tenon.workgroup" = 64 : i64>>

// 4 x 4 elements an invocation: 8 loads for 16 multiply-adds.
// CHECK-LABEL: func.func @matmul_f32_
// CHECK:         scf.for
// CHECK:           scf.for
// CHECK:             scf.for {{.*}} iter_args
// CHECK-COUNT-8:       memref.load
// CHECK-COUNT-16:      math.fma {{.*}} : f32
// CHECK-NOT:           math.fma
// CHECK-COUNT-16:    scf.if
// CHECK-NOT:         scf.if
module attributes {dlti.target_system_spec = #gpu} {
  func.func @main(%x: tensor<40x8xf32>, %b: tensor<24xf32>) -> tensor<40x24xf32> {
    %w = pack.constant(dense<0.5> : tensor<8x24xf32>) : tensor<8x24xf32>
    %0 = nn.matmul %x, %w : (tensor<40x8xf32>, tensor<8x24xf32>) -> tensor<40x24xf32>
    %1 = nn.add %0, %b : (tensor<40x24xf32>, tensor<24xf32>) -> tensor<40x24xf32>
    return %1 : tensor<40x24xf32>
  }
}
