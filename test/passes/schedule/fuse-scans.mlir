// RUN: tenon-opt %s -tenon-fuse-scans | FileCheck %s

// Mamba's form: states [channel, state], a sum over states, an output per step.
// CHECK-LABEL: func @a_selective_scan
// CHECK-NOT:   scan.scan
// CHECK:       %[[R:.+]]:2 = kern.scan ins(
// CHECK-SAME:    inits(%{{.+}} : tensor<32x16xf32>)
// CHECK-SAME:    sizes <32, 16, "seq">
// CHECK:         math.exp
// CHECK:         %[[SUM:.+]] = kern.fold
// CHECK:         kern.yield %{{.+}}, %[[SUM]]
// CHECK:       return %[[R]]#1
func.func @a_selective_scan(%dt: tensor<?x32xf32> {nn.shape = #nn.dims<"seq", 32>},
    %a: tensor<32x16xf32>, %c: tensor<?x16xf32> {nn.shape = #nn.dims<"seq", 16>},
    %h0: tensor<32x16xf32>) -> tensor<?x32xf32>
    attributes {nn.symbols = {seq = array<i64: 1, 100>}} {
  %out = nn.empty <"seq", 32> : tensor<?x32xf32>
  %h, %y = scan.scan "t0" trip #nn.dims<"seq"> carried(%h0, %out : tensor<32x16xf32>, tensor<?x32xf32>) {
  ^bb0(%s: tensor<32x16xf32>, %o: tensor<?x32xf32>):
    %d = nn.slice %dt {starts = #nn.dims<"t0", 0>, steps = array<i64: 1, 1>, shape = #nn.dims<1, 32>} : (tensor<?x32xf32>) -> tensor<1x32xf32>
    %d1 = nn.reshape %d {shape = #nn.dims<32, 1>} : (tensor<1x32xf32>) -> tensor<32x1xf32>
    %da = nn.mul %d1, %a : (tensor<32x1xf32>, tensor<32x16xf32>) -> tensor<32x16xf32>
    %e = nn.exp %da : (tensor<32x16xf32>) -> tensor<32x16xf32>
    %k = nn.mul %e, %s : (tensor<32x16xf32>, tensor<32x16xf32>) -> tensor<32x16xf32>
    %s1 = nn.add %k, %d1 : (tensor<32x16xf32>, tensor<32x1xf32>) -> tensor<32x16xf32>
    %c0 = nn.slice %c {starts = #nn.dims<"t0", 0>, steps = array<i64: 1, 1>, shape = #nn.dims<1, 16>} : (tensor<?x16xf32>) -> tensor<1x16xf32>
    %p = nn.mul %s1, %c0 : (tensor<32x16xf32>, tensor<1x16xf32>) -> tensor<32x16xf32>
    %y0 = nn.reduce %p {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = false} : (tensor<32x16xf32>) -> tensor<32xf32>
    %y1 = nn.reshape %y0 {shape = #nn.dims<1, 32>} : (tensor<32xf32>) -> tensor<1x32xf32>
    %o1 = nn.insert_slice %y1, %o {starts = #nn.dims<"t0", 0>} : (tensor<1x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
    scan.yield %s1, %o1 : tensor<32x16xf32>, tensor<?x32xf32>
  } -> tensor<32x16xf32>, tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// A product mixes channels, so that they do not run apart.
// CHECK-LABEL: func @a_matmul_stays_a_scan
// CHECK-NOT:   kern.scan
// CHECK:       scan.scan "t0"
func.func @a_matmul_stays_a_scan(%w: tensor<8x8xf32>, %h0: tensor<1x8xf32>) -> tensor<1x8xf32> {
  %h = scan.scan "t0" trip #nn.dims<5> carried(%h0 : tensor<1x8xf32>) {
  ^bb0(%s: tensor<1x8xf32>):
    %m = nn.matmul %s, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
    scan.yield %m : tensor<1x8xf32>
  } -> tensor<1x8xf32>
  return %h : tensor<1x8xf32>
}

// A state that is read at another place than its own mixes channels too.
// CHECK-LABEL: func @a_moved_state_stays_a_scan
// CHECK-NOT:   kern.scan
// CHECK:       scan.scan "t0"
func.func @a_moved_state_stays_a_scan(%h0: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %h = scan.scan "t0" trip #nn.dims<5> carried(%h0 : tensor<8x8xf32>) {
  ^bb0(%s: tensor<8x8xf32>):
    %t = nn.transpose %s {permutation = array<i64: 1, 0>} : (tensor<8x8xf32>) -> tensor<8x8xf32>
    scan.yield %t : tensor<8x8xf32>
  } -> tensor<8x8xf32>
  return %h : tensor<8x8xf32>
}

// More states than registers and code would hold.
// CHECK-LABEL: func @too_many_states_stay_a_scan
// CHECK-NOT:   kern.scan
// CHECK:       scan.scan "t0"
func.func @too_many_states_stay_a_scan(%h0: tensor<8x128xf32>) -> tensor<8x128xf32> {
  %h = scan.scan "t0" trip #nn.dims<5> carried(%h0 : tensor<8x128xf32>) {
  ^bb0(%s: tensor<8x128xf32>):
    %r = nn.reduce %s {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = true} : (tensor<8x128xf32>) -> tensor<8x1xf32>
    %n = nn.add %s, %r : (tensor<8x128xf32>, tensor<8x1xf32>) -> tensor<8x128xf32>
    scan.yield %n : tensor<8x128xf32>
  } -> tensor<8x128xf32>
  return %h : tensor<8x128xf32>
}
