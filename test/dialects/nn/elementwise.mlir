// RUN: tenon-opt %s | tenon-opt | FileCheck %s

// CHECK-LABEL: func @unary
// CHECK: nn.abs %{{.+}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
// CHECK: nn.neg 
// CHECK: nn.sign 
// CHECK: nn.reciprocal 
// CHECK: nn.floor 
// CHECK: nn.ceil 
// CHECK: nn.round 
// CHECK: nn.sqrt 
// CHECK: nn.exp 
// CHECK: nn.log 
// CHECK: nn.sin 
// CHECK: nn.cos 
// CHECK: nn.tan 
// CHECK: nn.asin 
// CHECK: nn.acos 
// CHECK: nn.atan 
// CHECK: nn.sinh 
// CHECK: nn.cosh 
// CHECK: nn.asinh 
// CHECK: nn.acosh 
// CHECK: nn.atanh 
// CHECK: nn.tanh 
// CHECK: nn.erf 
// CHECK: nn.sigmoid 
// CHECK: nn.relu 
// CHECK: nn.silu 
func.func @unary(%x: tensor<?x4xf32>) {
  %0 = nn.abs %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = nn.neg %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = nn.sign %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = nn.reciprocal %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = nn.floor %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %5 = nn.ceil %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %6 = nn.round %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %7 = nn.sqrt %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %8 = nn.exp %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %9 = nn.log %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %10 = nn.sin %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %11 = nn.cos %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %12 = nn.tan %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %13 = nn.asin %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %14 = nn.acos %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %15 = nn.atan %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %16 = nn.sinh %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %17 = nn.cosh %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %18 = nn.asinh %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %19 = nn.acosh %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %20 = nn.atanh %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %21 = nn.tanh %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %22 = nn.erf %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %23 = nn.sigmoid %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %24 = nn.relu %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %25 = nn.silu %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// CHECK-LABEL: func @binary
// CHECK: nn.add 
// CHECK: nn.sub 
// CHECK: nn.mul 
// CHECK: nn.div 
// CHECK: nn.pow 
// CHECK: nn.max 
// CHECK: nn.min 
// CHECK: nn.and 
// CHECK: nn.or 
// CHECK: nn.xor 
// CHECK: nn.shift_left 
// CHECK: nn.shift_right 
func.func @binary(%x: tensor<3x4xf32>, %b: tensor<4xf32>, %i: tensor<4xui8>) {
  %0 = nn.add %x, %b : (tensor<3x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  %1 = nn.sub %x, %b : (tensor<3x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  %2 = nn.mul %x, %b : (tensor<3x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  %3 = nn.div %x, %b : (tensor<3x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  %4 = nn.pow %x, %b : (tensor<3x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  %5 = nn.max %x, %b : (tensor<3x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  %6 = nn.min %x, %b : (tensor<3x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  %7 = nn.and %i, %i : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  %8 = nn.or %i, %i : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  %9 = nn.xor %i, %i : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  %10 = nn.shift_left %i, %i : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  %11 = nn.shift_right %i, %i : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  return
}

// CHECK-LABEL: func @elementwise_with_attributes
func.func @elementwise_with_attributes(%x: tensor<3x4xf32>, %c: tensor<4xi1>, %s: tensor<f32>, %z: tensor<i8>) {
  // CHECK: nn.mod %{{.+}}, %{{.+}} {fmod} :
  %0 = nn.mod %x, %x {fmod} : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  // CHECK: nn.mod %{{.+}}, %{{[0-9a-z]+}} :
  %1 = nn.mod %x, %s : (tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xf32>
  // CHECK: nn.compare {{.*}} {predicate = #nn.compare<eq>} : {{.*}} -> tensor<3x4xi1>
  // CHECK: nn.compare {{.*}} {predicate = #nn.compare<lt>}
  // CHECK: nn.compare {{.*}} {predicate = #nn.compare<le>}
  // CHECK: nn.compare {{.*}} {predicate = #nn.compare<gt>}
  // CHECK: nn.compare {{.*}} {predicate = #nn.compare<ge>}
  %2 = nn.compare %x, %s {predicate = #nn.compare<eq>} : (tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xi1>
  %3 = nn.compare %x, %s {predicate = #nn.compare<lt>} : (tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xi1>
  %4 = nn.compare %x, %s {predicate = #nn.compare<le>} : (tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xi1>
  %5 = nn.compare %x, %s {predicate = #nn.compare<gt>} : (tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xi1>
  %6 = nn.compare %x, %s {predicate = #nn.compare<ge>} : (tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xi1>
  // CHECK: nn.not {{.*}} : (tensor<4xi1>) -> tensor<4xi1>
  %7 = nn.not %c : (tensor<4xi1>) -> tensor<4xi1>
  // CHECK: nn.is_nan
  %8 = nn.is_nan %x : (tensor<3x4xf32>) -> tensor<3x4xi1>
  // CHECK: nn.is_inf {{.*}} {negative = false, positive = true}
  %9 = nn.is_inf %x {positive = true, negative = false} : (tensor<3x4xf32>) -> tensor<3x4xi1>
  // CHECK: nn.gelu {{.*}} {approximate}
  %10 = nn.gelu %x {approximate} : (tensor<3x4xf32>) -> tensor<3x4xf32>
  // CHECK: nn.cast %{{[0-9a-z]+}} : (tensor<3x4xf32>) -> tensor<3x4xui8>
  %11 = nn.cast %x : (tensor<3x4xf32>) -> tensor<3x4xui8>
  // CHECK: nn.cast {{.*}} {saturate = false} : {{.*}} -> tensor<3x4xf8E4M3FN>
  %12 = nn.cast %x {saturate = false} : (tensor<3x4xf32>) -> tensor<3x4xf8E4M3FN>
  // CHECK: nn.bitcast
  %13 = nn.bitcast %x : (tensor<3x4xf32>) -> tensor<3x4xi32>
  // CHECK: nn.select
  %14 = nn.select %c, %x, %s : (tensor<4xi1>, tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xf32>
  // CHECK: nn.quantize %{{[^,]+}}, %{{[^,]+}} : (tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xi8>
  %15 = nn.quantize %x, %s : (tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xi8>
  // CHECK: nn.quantize {{.*}} : (tensor<3x4xf32>, tensor<f32>, tensor<i8>) -> tensor<3x4xi8>
  %16 = nn.quantize %x, %s, %z : (tensor<3x4xf32>, tensor<f32>, tensor<i8>) -> tensor<3x4xi8>
  return
}
