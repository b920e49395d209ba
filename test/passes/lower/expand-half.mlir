// RUN: tenon-opt %s -split-input-file -tenon-expand-half | FileCheck %s

// The machine converts; only f64 is made an odd f32 before it is rounded.
// CHECK-LABEL: func @stays
// CHECK-NEXT:    arith.extf
// CHECK-NEXT:    arith.addf {{.*}} : f16
// CHECK-NEXT:    arith.truncf {{.*}} : f32 to f16
// CHECK-NEXT:    return
func.func @stays(%a: f16, %b: f32) -> (f32, f16, f16) {
  %0 = arith.extf %a : f16 to f32
  %1 = arith.addf %a, %a : f16
  %2 = arith.truncf %b : f32 to f16
  return %0, %1, %2 : f32, f16, f16
}

// CHECK-LABEL: func @rounds_once
// CHECK:         %[[NEAR:.+]] = arith.truncf %{{.+}} : f64 to f32
// CHECK:         %[[BACK:.+]] = arith.extf %[[NEAR]] : f32 to f64
// CHECK:         arith.cmpf one, %[[BACK]], %{{.+}} : f64
// CHECK:         %[[ODD:.+]] = arith.bitcast %{{.+}} : i32 to f32
// CHECK:         arith.truncf %[[ODD]] : f32 to bf16
func.func @rounds_once(%a: f64) -> bf16 {
  %0 = arith.truncf %a : f64 to bf16
  return %0 : bf16
}

// Two conversions that LLVM would make one.
// CHECK-LABEL: func @rounds_twice
// CHECK:         arith.truncf {{.*}} : f64 to f32
// CHECK-NOT:     arith.truncf
func.func @rounds_twice(%a: f64) -> f16 {
  %0 = arith.truncf %a : f64 to f32
  %1 = arith.truncf %0 : f32 to f16
  return %1 : f16
}

// -----

module attributes {dlti.target_system_spec = #dlti.target_system_spec<
    "CPU" = #dlti.target_device_spec<"tenon.half_conversion" = 0 : i64>>} {
// CHECK-LABEL: func @to_float(
// CHECK-SAME:    %[[H:.+]]: vector<8xf16>
// CHECK:         %[[BITS:.+]] = arith.bitcast %[[H]] : vector<8xf16> to vector<8xi16>
// CHECK:         arith.extui %[[BITS]] : vector<8xi16> to vector<8xi32>
// CHECK:         arith.mulf {{.*}} : vector<8xf32>
// CHECK-NOT:     arith.extf
func.func @to_float(%a: vector<8xf16>) -> vector<8xf32> {
  %0 = arith.extf %a : vector<8xf16> to vector<8xf32>
  return %0 : vector<8xf32>
}

// CHECK-LABEL: func @to_half(
// CHECK-NOT:     arith.truncf
// CHECK:         arith.trunci {{.*}} : i32 to i16
// CHECK-NEXT:    arith.bitcast {{.*}} : i16 to f16
func.func @to_half(%a: f32) -> f16 {
  %0 = arith.truncf %a : f32 to f16
  return %0 : f16
}

// Computed in f32; what only moves bits stays.
// CHECK-LABEL: func @computes(
// CHECK:         arith.addf {{.*}} : f32
// CHECK:         %[[LESS:.+]] = arith.cmpf olt, {{.*}} : f32
// CHECK:         arith.select %[[LESS]], {{.*}} : f16
// CHECK:         arith.fptosi {{.*}} : f32 to i32
func.func @computes(%a: f16, %b: f16) -> (f16, i32) {
  %0 = arith.addf %a, %b : f16
  %1 = arith.cmpf olt, %a, %b : f16
  %2 = arith.select %1, %0, %b : f16
  %3 = arith.fptosi %a : f16 to i32
  return %2, %3 : f16, i32
}

// CHECK-LABEL: func @other_types(
// CHECK-NEXT:    arith.truncf
// CHECK-NEXT:    arith.extf
// CHECK-NEXT:    return
func.func @other_types(%a: f32, %b: bf16) -> (bf16, f32) {
  %0 = arith.truncf %a : f32 to bf16
  %1 = arith.extf %b : bf16 to f32
  return %0, %1 : bf16, f32
}
}
