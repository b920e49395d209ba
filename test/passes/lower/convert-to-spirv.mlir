// A kernel becomes a Vulkan compute shader; then a constant of the program.
// RUN: tenon-opt %s -tenon-convert-to-spirv | FileCheck %s \
// RUN:   --implicit-check-not=gpu.
// RUN: tenon-opt %s -tenon-convert-to-spirv -tenon-embed-spirv \
// RUN:   | FileCheck %s --check-prefix=EMBED --implicit-check-not=spirv

// Arithmetic keeps its order: drivers may not rewrite it.
// CHECK-LABEL: spirv.module @double Logical GLSL450
// CHECK-SAME:    #spirv.vce<v1.0, [Shader, Matrix], [SPV_KHR_storage_buffer_storage_class]>
// CHECK-SAME:    tenon.words = 2
// CHECK-DAG:     spirv.GlobalVariable {{.+}} built_in("LocalInvocationId")
// CHECK-DAG:     spirv.GlobalVariable {{.+}} bind(0, 0) : !spirv.ptr<!spirv.struct<{{.*}}(!spirv.rtarray<i32, stride=4> [0])
// CHECK-DAG:     spirv.GlobalVariable {{.+}} bind(0, 1) : !spirv.ptr<!spirv.struct<{{.*}}(!spirv.rtarray<f32, stride=4> [0])
// CHECK:         spirv.FAdd {{.+}} {no_contraction} : f32
// CHECK:         spirv.EntryPoint "GLCompute" @main
// CHECK:         spirv.ExecutionMode @main "LocalSize", 64, 1, 1

// CHECK-LABEL: spirv.module @wide
// CHECK-SAME:    [Shader, Int64, Matrix]

// 03 02 23 07: the magic number, then version 1.0.
// EMBED:       llvm.mlir.global internal constant @double_code("\03\02#\07\00\00\01\00
// EMBED:       llvm.mlir.global internal constant @double() {{.*}} !llvm.struct<(ptr, i64, i32, i32, i32, i32)>
// EMBED:         llvm.mlir.addressof @double_code
// EMBED:         %[[NUMBER:.+]] = llvm.mlir.constant(0 : i32)
// EMBED:         %[[BUFFERS:.+]] = llvm.mlir.constant(1 : i32)
// EMBED:         %[[WORDS:.+]] = llvm.mlir.constant(2 : i32)
// EMBED:         %[[FEATURES:.+]] = llvm.mlir.constant(0 : i32)
// EMBED:       llvm.mlir.global internal constant @wide()
// EMBED:         %[[NUMBER:.+]] = llvm.mlir.constant(1 : i32)
// EMBED:         %[[INT64:.+]] = llvm.mlir.constant(1 : i32)
module attributes {dlti.target_system_spec = #dlti.target_system_spec<"GPU" = #dlti.target_device_spec<"tenon.workgroup" = 64 : i64>>} {
  func.func @double(%record: memref<?xi32>, %x: memref<?xf32>) attributes {tenon.words = 2 : i64} {
    %i = gpu.thread_id x
    %v = memref.load %x[%i] : memref<?xf32>
    %w = arith.addf %v, %v : f32
    memref.store %w, %x[%i] : memref<?xf32>
    return
  }
  func.func @wide(%record: memref<?xi32>, %x: memref<?xi64>) attributes {tenon.words = 2 : i64} {
    %i = gpu.thread_id x
    %v = memref.load %x[%i] : memref<?xi64>
    %w = arith.addi %v, %v : i64
    memref.store %w, %x[%i] : memref<?xi64>
    return
  }
}
