// A kernel becomes a function that PTX knows as one; arguments are pointers,
// math is instructions, and memory of a workgroup lies in space 3.
// RUN: tenon-opt %s -tenon-convert-to-nvvm | FileCheck %s \
// RUN:   --implicit-check-not=gpu. --implicit-check-not=unrealized

// CHECK:       llvm.mlir.global internal @[[SHARED:.+]]() {addr_space = 3 : i32{{.*}} !llvm.array<64 x f32>
// CHECK:       llvm.func @fused(%{{.+}}: !llvm.ptr, %[[X:.+]]: !llvm.ptr)
// CHECK-SAME:    nvvm.kernel
// CHECK-SAME:    nvvm.reqntid = array<i32: 64, 1, 1>
// CHECK:         llvm.mlir.addressof @[[SHARED]]
// CHECK:         nvvm.read.ptx.sreg.tid.x
// CHECK:         llvm.intr.fma
// CHECK:         nvvm.barrier
module attributes {dlti.target_system_spec = #dlti.target_system_spec<"GPU" = #dlti.target_device_spec<"tenon.workgroup" = 64 : i64>>} {
  func.func @fused(%record: memref<?xi32>, %x: memref<?xf32>) attributes {tenon.words = 2 : i64} {
    %s = memref.alloc() : memref<64xf32, #gpu.address_space<workgroup>>
    %i = gpu.thread_id x
    %v = memref.load %x[%i] : memref<?xf32>
    %w = math.fma %v, %v, %v : f32
    memref.store %w, %s[%i] : memref<64xf32, #gpu.address_space<workgroup>>
    gpu.barrier
    %c0 = arith.constant 0 : index
    %y = memref.load %s[%c0] : memref<64xf32, #gpu.address_space<workgroup>>
    memref.store %y, %x[%i] : memref<?xf32>
    return
  }
}
