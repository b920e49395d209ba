// RUN: tenon-opt %s -split-input-file -tenon-expand-fma | FileCheck %s

// Nobody says that the machine has none.
// CHECK-LABEL: func @stays
// CHECK:         math.fma
// CHECK-NOT:     arith.
func.func @stays(%a: f32, %b: f32, %c: f32) -> f32 {
  %0 = math.fma %a, %b, %c : f32
  return %0 : f32
}

// -----

module attributes {dlti.target_system_spec = #dlti.target_system_spec<
    "CPU" = #dlti.target_device_spec<"tenon.fma" = 0 : i64>>} {
// The product is exact in f64; the sum gets its last bit set where it is
// inexact and even, and is rounded once.
// CHECK-LABEL: func @through_f64(
// CHECK-SAME:    %[[A:.+]]: vector<4xf32>, %[[B:.+]]: vector<4xf32>, %[[C:.+]]: vector<4xf32>
// CHECK-NOT:     math.fma
// CHECK-DAG:     %[[WA:.+]] = arith.extf %[[A]] : vector<4xf32> to vector<4xf64>
// CHECK-DAG:     %[[WB:.+]] = arith.extf %[[B]]
// CHECK:         %[[P:.+]] = arith.mulf %[[WA]], %[[WB]]
// CHECK:         %[[WC:.+]] = arith.extf %[[C]]
// CHECK:         %[[S:.+]] = arith.addf %[[P]], %[[WC]]
// CHECK:         %[[LOST:.+]] = arith.addf
// CHECK:         %[[INEXACT:.+]] = arith.cmpf one, %[[LOST]]
// CHECK:         %[[BITS:.+]] = arith.bitcast %[[S]] : vector<4xf64> to vector<4xi64>
// CHECK:         arith.andi %[[BITS]]
// CHECK:         %[[ODD:.+]] = arith.select %{{.+}}, %{{.+}}, %[[BITS]]
// CHECK:         %[[SUM:.+]] = arith.bitcast %[[ODD]]
// CHECK:         arith.truncf %[[SUM]] : vector<4xf64> to vector<4xf32>
func.func @through_f64(%a: vector<4xf32>, %b: vector<4xf32>, %c: vector<4xf32>) -> vector<4xf32> {
  %0 = math.fma %a, %b, %c : vector<4xf32>
  return %0 : vector<4xf32>
}

// CHECK-LABEL: func @product_and_sum(
// CHECK-NOT:     math.fma
// CHECK:         arith.mulf
// CHECK-NEXT:    arith.addf
// CHECK-NEXT:    return
func.func @product_and_sum(%a: f64, %b: f64, %c: f64) -> f64 {
  %0 = math.fma %a, %b, %c : f64
  return %0 : f64
}
}
