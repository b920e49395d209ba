// RUN: tenon-opt %s -tenon-expand-math | FileCheck %s

// CHECK-LABEL: func @exp_adds_to_the_exponent
// CHECK-SAME:    (%[[X:.+]]: vector<16xf32>)
func.func @exp_adds_to_the_exponent(%x: vector<16xf32>) -> vector<16xf32> {
  // CHECK: %[[SHIFTED:.+]] = math.fma %[[X]]
  // CHECK: %[[N:.+]] = arith.subf %[[SHIFTED]]
  // CHECK: %[[N_BITS:.+]] = arith.bitcast %[[SHIFTED]]
  // CHECK: %[[P:.+]] = math.fma {{.*}} : vector<16xf32>
  // CHECK: %[[P_BITS:.+]] = arith.bitcast %{{.+}} : vector<16xf32> to vector<16xi32>
  // CHECK: %[[PLACED:.+]] = arith.shli %[[N_BITS]]
  // CHECK: arith.addi %[[P_BITS]], %[[PLACED]]
  // CHECK: arith.cmpf olt, %[[X]]
  // CHECK: arith.cmpf ugt, %[[X]]
  %y = math.exp %x : vector<16xf32>
  return %y : vector<16xf32>
}

// A caller may permit more; the bits are the same all the same.
// CHECK-LABEL: func @flags_do_not_reach_the_arithmetic
func.func @flags_do_not_reach_the_arithmetic(%x: f32) -> f32 {
  // CHECK-NOT: math.tanh
  // CHECK-NOT: fastmath
  // CHECK: return
  %y = math.tanh %x fastmath<fast> : f32
  return %y : f32
}

// CHECK-LABEL: func @rsqrt_rounds_twice
// CHECK-SAME:    (%[[X:.+]]: vector<8xf32>)
func.func @rsqrt_rounds_twice(%x: vector<8xf32>) -> vector<8xf32> {
  // CHECK: %[[ONE:.+]] = arith.constant dense<1.000000e+00>
  // CHECK: %[[ROOT:.+]] = math.sqrt %[[X]]
  // CHECK: %[[Y:.+]] = arith.divf %[[ONE]], %[[ROOT]]
  // CHECK: return %[[Y]]
  %y = math.rsqrt %x : vector<8xf32>
  return %y : vector<8xf32>
}

// CHECK-LABEL: func @half_precision_is_computed_in_f32
// CHECK-SAME:    (%[[X:.+]]: vector<8xf16>, %[[Z:.+]]: bf16)
func.func @half_precision_is_computed_in_f32(%x: vector<8xf16>, %z: bf16)
    -> (vector<8xf16>, bf16) {
  // CHECK-DAG: arith.extf %[[X]] : vector<8xf16> to vector<8xf32>
  // CHECK-DAG: arith.truncf %{{.+}} : vector<8xf32> to vector<8xf16>
  // CHECK-DAG: arith.extf %[[Z]] : bf16 to f32
  // CHECK-DAG: arith.truncf %{{.+}} : f32 to bf16
  // CHECK: return
  %y = math.erf %x : vector<8xf16>
  %w = math.powf %z, %z : bf16
  return %y, %w : vector<8xf16>, bf16
}

// Integer arithmetic on 2/pi is entered if any lane is large, and each lane
// takes what its own size asks for.
// CHECK-LABEL: func @sin_of_a_large_lane_leaves_the_others
// CHECK-SAME:    (%[[X:.+]]: vector<4xf32>)
func.func @sin_of_a_large_lane_leaves_the_others(%x: vector<4xf32>)
    -> vector<4xf32> {
  // CHECK: %[[SMALL:.+]] = math.fma
  // CHECK: %[[LARGE:.+]] = arith.andi {{.*}} : vector<4xi1>
  // CHECK: %[[ANY:.+]] = vector.reduction <or>, %[[LARGE]]
  // CHECK: scf.if %[[ANY]] -> (vector<4xf32>, vector<4xi32>)
  // CHECK:   arith.select %[[LARGE]], %{{.+}}, %{{.+}} : vector<4xi1>, vector<4xf32>
  // CHECK:   scf.yield
  // CHECK: else
  // CHECK:   scf.yield
  %y = math.sin %x : vector<4xf32>
  return %y : vector<4xf32>
}

// CHECK-LABEL: func @sincos_reduces_once
func.func @sincos_reduces_once(%x: f32) -> (f32, f32) {
  // CHECK-COUNT-1: scf.if
  // CHECK-NOT: scf.if
  // CHECK: return
  %s, %c = math.sincos %x : f32
  return %s, %c : f32, f32
}

// CHECK-LABEL: func @no_function_is_left
func.func @no_function_is_left(%x: vector<16xf32>, %z: vector<16xf32>, %d: f64)
    -> (vector<16xf32>, f64) {
  // CHECK-NOT: math.{{exp|log|pow|a?sin|a?cos|a?tan|erf|cbrt|rsqrt|round }}
  // CHECK-NOT: call
  // CHECK-NOT: fastmath
  // CHECK: return
  %0 = math.exp2 %x : vector<16xf32>
  %1 = math.expm1 %0 : vector<16xf32>
  %2 = math.log %1 : vector<16xf32>
  %3 = math.log2 %2 : vector<16xf32>
  %4 = math.log10 %3 : vector<16xf32>
  %5 = math.log1p %4 : vector<16xf32>
  %6 = math.sinh %5 : vector<16xf32>
  %7 = math.cosh %6 : vector<16xf32>
  %8 = math.asinh %7 : vector<16xf32>
  %9 = math.acosh %8 : vector<16xf32>
  %10 = math.atanh %9 : vector<16xf32>
  %11 = math.cos %10 : vector<16xf32>
  %12 = math.tan %11 : vector<16xf32>
  %13 = math.asin %12 : vector<16xf32>
  %14 = math.acos %13 : vector<16xf32>
  %15 = math.atan %14 : vector<16xf32>
  %16 = math.cbrt %15 : vector<16xf32>
  %17 = math.round %16 : vector<16xf32>
  %18 = math.atan2 %17, %z : vector<16xf32>
  %19 = math.powf %18, %z : vector<16xf32>
  %20 = math.exp %d : f64
  %21 = math.erf %20 : f64
  %22 = math.sin %21 : f64
  %23 = math.powf %22, %d : f64
  return %19, %23 : vector<16xf32>, f64
}

// One exact instruction each.
// CHECK-LABEL: func @exact_functions_stay
func.func @exact_functions_stay(%x: vector<8xf32>) -> vector<8xf32> {
  // CHECK-NEXT: math.absf
  // CHECK-NEXT: math.sqrt
  // CHECK-NEXT: math.fma
  // CHECK-NEXT: math.floor
  // CHECK-NEXT: math.ceil
  // CHECK-NEXT: math.trunc
  // CHECK-NEXT: math.roundeven
  // CHECK-NEXT: math.copysign
  // CHECK-NEXT: return
  %0 = math.absf %x : vector<8xf32>
  %1 = math.sqrt %0 : vector<8xf32>
  %2 = math.fma %1, %x, %x : vector<8xf32>
  %3 = math.floor %2 : vector<8xf32>
  %4 = math.ceil %3 : vector<8xf32>
  %5 = math.trunc %4 : vector<8xf32>
  %6 = math.roundeven %5 : vector<8xf32>
  %7 = math.copysign %6, %x : vector<8xf32>
  return %7 : vector<8xf32>
}

// No lane is known of a scalable vector, and tensors are gone by then.
// CHECK-LABEL: func @other_shapes_stay
func.func @other_shapes_stay(%x: vector<[4]xf32>, %t: tensor<4xf32>)
    -> (vector<[4]xf32>, tensor<4xf32>) {
  // CHECK-NEXT: math.absf
  // CHECK-NEXT: math.tanh %{{.+}} : vector<[4]xf32>
  // CHECK-NEXT: math.tanh %{{.+}} : tensor<4xf32>
  %a = math.absf %x : vector<[4]xf32>
  %y = math.tanh %a : vector<[4]xf32>
  %u = math.tanh %t : tensor<4xf32>
  return %y, %u : vector<[4]xf32>, tensor<4xf32>
}

// The exact remainder is a loop of exact steps, in f64; integers become bf16 by
// way of f32.
// CHECK-LABEL: func @remainder_without_a_library
func.func @remainder_without_a_library(%x: vector<8xf32>, %y: vector<8xf32>, %i: i64) -> (vector<8xf32>, bf16) {
  // CHECK: scf.while
  // CHECK: math.fma %{{.+}} : vector<8xf64>
  // CHECK-NOT: arith.remf
  %0 = arith.remf %x, %y : vector<8xf32>
  // CHECK: %[[F:.+]] = arith.sitofp %{{.+}} : i64 to f32
  // CHECK: arith.truncf %[[F]] : f32 to bf16
  %1 = arith.sitofp %i : i64 to bf16
  return %0, %1 : vector<8xf32>, bf16
}
