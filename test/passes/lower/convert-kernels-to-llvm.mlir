// RUN: tenon-opt %s -split-input-file -tenon-convert-kernels-to-llvm \
// RUN:   | FileCheck %s --implicit-check-not=unrealized --implicit-check-not=reassoc

// An index is 64 bits wide where nobody says otherwise. The program stays.
// CHECK-LABEL: rt.program @main
// CHECK:       llvm.func @kernel(%{{.+}}: !llvm.ptr, %{{.+}}: i64, %{{.+}}: i64, %{{.+}}: !llvm.ptr)
// CHECK:         llvm.getelementptr %{{.+}}[%{{.+}}] : (!llvm.ptr, i64) -> !llvm.ptr, f32
// CHECK:         llvm.load %{{.+}} : !llvm.ptr -> vector<4xf32>
rt.program @main attributes {symbols = {}, inputs = [], outputs = [],
    slot_bytes = 0 : ui64, peak_bytes = 0 : ui64, weight_bytes = 0 : ui64} {
}
func.func @kernel(%step: !llvm.ptr, %begin: index, %end: index, %lane: !llvm.ptr) {
  %m = memref.alloca() : memref<64xf32>
  %v = vector.load %m[%begin] : memref<64xf32>, vector<4xf32>
  vector.store %v, %m[%end] : memref<64xf32>, vector<4xf32>
  return
}

// -----

// All of it is narrow on a narrow machine, vectors as well.
// CHECK-LABEL: llvm.func @narrow(
// CHECK-SAME:    %{{.+}}: !llvm.ptr, %{{.+}}: i32, %{{.+}}: i32, %{{.+}}: !llvm.ptr)
// CHECK:         llvm.alloca %{{.+}} x f32 : (i32) -> !llvm.ptr
// CHECK-NOT:     i64, array
// CHECK:         llvm.getelementptr %{{.+}}[%{{.+}}] : (!llvm.ptr, i32) -> !llvm.ptr, f32
// CHECK:         llvm.load %{{.+}} : !llvm.ptr -> vector<4xf32>
// CHECK:         llvm.return
module attributes {dlti.target_system_spec = #dlti.target_system_spec<
    "CPU" = #dlti.target_device_spec<"tenon.index_bits" = 32 : i64>>} {
func.func @narrow(%step: !llvm.ptr, %begin: index, %end: index, %lane: !llvm.ptr) {
  %m = memref.alloca() : memref<64xf32>
  %v = vector.load %m[%begin] : memref<64xf32>, vector<4xf32>
  %e = vector.extract %v[0] : f32 from vector<4xf32>
  memref.store %e, %m[%end] : memref<64xf32>
  return
}
}
