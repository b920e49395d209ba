// RUN: tenon-opt %s | tenon-opt | FileCheck %s

// CHECK-LABEL: func @sums_of_rows
// CHECK:       %[[RESULTS:.+]]:2 = scan.scan "t0" trip <"seq"> carried(%{{.+}}, %{{.+}} : tensor<4xf32>, tensor<?x4xf32>) {
// CHECK-NEXT:  ^bb0(%[[SUM:.+]]: tensor<4xf32>, %[[ALL:.+]]: tensor<?x4xf32>):
// CHECK:         nn.slice %{{.+}} {shape = #nn.dims<1, 4>, starts = #nn.dims<"t0", 0>
// CHECK:         nn.insert_slice %{{.+}}, %[[ALL]] {starts = #nn.dims<"t0", 0>}
// CHECK:         scan.yield %{{.+}}, %{{.+}} : tensor<4xf32>, tensor<?x4xf32>
// CHECK-NEXT:  } -> tensor<4xf32>, tensor<?x4xf32>
func.func @sums_of_rows(%x: tensor<?x4xf32> {nn.shape = #nn.dims<"seq", 4>}, %zero: tensor<4xf32>)
    -> (tensor<4xf32>, tensor<?x4xf32>) attributes {nn.symbols = {seq = array<i64: 1, 100>}} {
  %out = nn.empty <"seq", 4> : tensor<?x4xf32>
  %sum, %all = scan.scan "t0" trip #nn.dims<"seq"> carried(%zero, %out : tensor<4xf32>, tensor<?x4xf32>) {
  ^bb0(%s: tensor<4xf32>, %o: tensor<?x4xf32>):
    %row = nn.slice %x {starts = #nn.dims<"t0", 0>, steps = array<i64: 1, 1>,
                        shape = #nn.dims<1, 4>} : (tensor<?x4xf32>) -> tensor<1x4xf32>
    %x0 = nn.reshape %row {shape = #nn.dims<4>} : (tensor<1x4xf32>) -> tensor<4xf32>
    %next = nn.add %s, %x0 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %next1 = nn.reshape %next {shape = #nn.dims<1, 4>} : (tensor<4xf32>) -> tensor<1x4xf32>
    %o1 = nn.insert_slice %next1, %o {starts = #nn.dims<"t0", 0>}
        : (tensor<1x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
    scan.yield %next, %o1 : tensor<4xf32>, tensor<?x4xf32>
  } -> tensor<4xf32>, tensor<?x4xf32>
  return %sum, %all : tensor<4xf32>, tensor<?x4xf32>
}

// CHECK-LABEL: func @nothing_carried
// CHECK:       scan.scan "t0" trip <3> {
// CHECK-NEXT:    scan.yield
func.func @nothing_carried() {
  scan.scan "t0" trip #nn.dims<3> {
    scan.yield
  }
  return
}

// CHECK-LABEL: func @ends_where_the_first_carried_is_false
// CHECK:       scan.scan "t0" trip <9> while carried(%{{.+}}, %{{.+}} : tensor<i1>, tensor<4xf32>) {
func.func @ends_where_the_first_carried_is_false(%go: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %c, %y = scan.scan "t0" trip #nn.dims<9> while carried(%go, %x : tensor<i1>, tensor<4xf32>) {
  ^bb0(%on: tensor<i1>, %h: tensor<4xf32>):
    %next = nn.add %h, %h : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    scan.yield %on, %next : tensor<i1>, tensor<4xf32>
  } -> tensor<i1>, tensor<4xf32>
  return %y : tensor<4xf32>
}
