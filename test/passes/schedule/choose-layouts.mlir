// RUN: tenon-opt %s -tenon-choose-layouts | FileCheck %s

// Blocks of 16 channels from the first convolution to the last one, and
// element-wise work in between stays in them.
// CHECK-LABEL: func @convolutions_are_in_blocks
// CHECK:         %[[X:.+]] = nn.to_blocks %arg0 : (tensor<1x32x8x8xf32>) -> tensor<1x2x8x8x16xf32>
// CHECK:         %[[A:.+]] = nn.conv %[[X]], %{{.+}} {{.*}}blocked{{.*}} tensor<32x32x3x3xf32, #pack.conv_panels<16>>) -> tensor<1x2x8x8x16xf32>
// CHECK-NEXT:    %[[R:.+]] = nn.relu %[[A]] : (tensor<1x2x8x8x16xf32>)
// CHECK:         %[[B:.+]] = nn.conv %[[R]], %{{.+}} {{.*}}blocked
// CHECK-NEXT:    nn.from_blocks %[[B]] {channels = 32 : i64}
// CHECK-NOT:     nn.to_blocks
func.func @convolutions_are_in_blocks(%x: tensor<1x32x8x8xf32>) -> tensor<1x32x8x8xf32> {
  %w = pack.constant(dense<0.5> : tensor<32x32x3x3xf32>) : tensor<32x32x3x3xf32>
  %a = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<1, 1>, high = #nn.dims<1, 1>, group = 1 : i64} : (tensor<1x32x8x8xf32>, tensor<32x32x3x3xf32>) -> tensor<1x32x8x8xf32>
  %r = nn.relu %a : (tensor<1x32x8x8xf32>) -> tensor<1x32x8x8xf32>
  %b = nn.conv %r, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<1, 1>, high = #nn.dims<1, 1>, group = 1 : i64} : (tensor<1x32x8x8xf32>, tensor<32x32x3x3xf32>) -> tensor<1x32x8x8xf32>
  return %b : tensor<1x32x8x8xf32>
}

// Three channels would be blocks of zeros mostly: they are read where they are.
// CHECK-LABEL: func @few_channels_stay
// CHECK-NOT:     nn.to_blocks
// CHECK:         nn.conv %arg0, %{{.+}} {{.*}}blocked{{.*}} (tensor<1x3x8x8xf32>, tensor<16x3x3x3xf32, #pack.conv_panels<1>>) -> tensor<1x1x8x8x16xf32>
func.func @few_channels_stay(%x: tensor<1x3x8x8xf32>) -> tensor<1x16x8x8xf32> {
  %w = pack.constant(dense<0.5> : tensor<16x3x3x3xf32>) : tensor<16x3x3x3xf32>
  %a = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<1, 1>, high = #nn.dims<1, 1>, group = 1 : i64} : (tensor<1x3x8x8xf32>, tensor<16x3x3x3xf32>) -> tensor<1x16x8x8xf32>
  return %a : tensor<1x16x8x8xf32>
}

// CHECK-LABEL: func @a_channel_per_group_is_on_vectors
// CHECK:         nn.depthwise_conv {{.*}} tensor<2x3x3x16xf32>) -> tensor<1x2x8x8x16xf32>
func.func @a_channel_per_group_is_on_vectors(%x: tensor<1x32x8x8xf32>) -> tensor<1x32x8x8xf32> {
  %w = pack.constant(dense<0.5> : tensor<32x1x3x3xf32>) : tensor<32x1x3x3xf32>
  %a = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<1, 1>, high = #nn.dims<1, 1>, group = 32 : i64} : (tensor<1x32x8x8xf32>, tensor<32x1x3x3xf32>) -> tensor<1x32x8x8xf32>
  return %a : tensor<1x32x8x8xf32>
}

// Groups of 8 channels: two and two become one, and the last has zeros beside.
// CHECK-LABEL: func @small_groups_are_merged
// CHECK:         nn.conv {{.*}}blocked{{.*}}group = 2 : i64{{.*}}tensor<32x16x1x1xf32, #pack.conv_panels<16>>) -> tensor<1x2x8x8x16xf32>
// CHECK-NEXT:    nn.from_blocks {{.*}}channels = 24
func.func @small_groups_are_merged(%x: tensor<1x24x8x8xf32>) -> tensor<1x24x8x8xf32> {
  %w = pack.constant(dense<0.5> : tensor<24x8x1x1xf32>) : tensor<24x8x1x1xf32>
  %a = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, high = #nn.dims<0, 0>, group = 3 : i64} : (tensor<1x24x8x8xf32>, tensor<24x8x1x1xf32>) -> tensor<1x24x8x8xf32>
  return %a : tensor<1x24x8x8xf32>
}

// CHECK-LABEL: func @weights_known_late_stay
// CHECK-NEXT:    nn.conv %arg0, %arg1
// CHECK-NEXT:    return
func.func @weights_known_late_stay(%x: tensor<1x32x8x8xf32>, %w: tensor<32x32x3x3xf32>) -> tensor<1x32x8x8xf32> {
  %a = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<1, 1>, high = #nn.dims<1, 1>, group = 1 : i64} : (tensor<1x32x8x8xf32>, tensor<32x32x3x3xf32>) -> tensor<1x32x8x8xf32>
  return %a : tensor<1x32x8x8xf32>
}

// CHECK-LABEL: func @what_is_no_convolution_stays
// CHECK-NEXT:    nn.relu %arg0 : (tensor<1x32x8x8xf32>)
func.func @what_is_no_convolution_stays(%x: tensor<1x32x8x8xf32>) -> tensor<1x32x8x8xf32> {
  %r = nn.relu %x : (tensor<1x32x8x8xf32>) -> tensor<1x32x8x8xf32>
  return %r : tensor<1x32x8x8xf32>
}

// Numbers per channel become a constant of blocks, zeros behind the last one.
// CHECK-LABEL: func @numbers_per_channel_are_packed
// CHECK:         pack.constant(dense<{{\[\[\[\[\[1.000000e\+00, .*, 0.000000e\+00\]\]\]\]\]}}> : tensor<1x1x1x1x16xf32>)
// CHECK-NOT:     nn.to_blocks
// CHECK:         nn.mul
func.func @numbers_per_channel_are_packed(%x: tensor<1x3x8x8xf32>) -> tensor<1x3x8x8xf32> {
  %w = pack.constant(dense<0.5> : tensor<3x3x3x3xf32>) : tensor<3x3x3x3xf32>
  %s = pack.constant(dense<[[[1.0]], [[2.0]], [[3.0]]]> : tensor<3x1x1xf32>) : tensor<3x1x1xf32>
  %a = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<1, 1>, high = #nn.dims<1, 1>, group = 1 : i64} : (tensor<1x3x8x8xf32>, tensor<3x3x3x3xf32>) -> tensor<1x3x8x8xf32>
  %b = nn.mul %a, %s : (tensor<1x3x8x8xf32>, tensor<3x1x1xf32>) -> tensor<1x3x8x8xf32>
  return %b : tensor<1x3x8x8xf32>
}

// Bytes by bytes: the lowering lays the weights out, integers have no lanes
// that are not finite, and what stands around the places does so in blocks.
// CHECK-LABEL: func @bytes_stay_in_blocks
// CHECK:         %[[X:.+]] = nn.to_blocks %arg0 : (tensor<1x24x8x8xui8>) -> tensor<1x2x8x8x16xui8>
// CHECK:         %[[A:.+]] = nn.conv %[[X]], %[[W:.+]] {{.*}}blocked{{.*}} tensor<24x24x3x3xi8>) -> tensor<1x2x8x8x16xi32>
// CHECK:         %[[Q:.+]] = nn.quantize %{{.+}} -> tensor<1x2x8x8x16xui8>
// CHECK-NEXT:    %[[P:.+]] = nn.pad %[[Q]]{{.*}} -> tensor<1x2x10x10x16xui8>
// CHECK:         nn.conv %[[P]], %[[W]]
// CHECK-NOT:     nn.to_blocks
func.func @bytes_stay_in_blocks(%x: tensor<1x24x8x8xui8>) -> tensor<1x24x8x8xi32> {
  %w = pack.constant(dense<5> : tensor<24x24x3x3xi8>) : tensor<24x24x3x3xi8>
  %s = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %z = pack.constant(dense<7> : tensor<ui8>) : tensor<ui8>
  %a = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<1, 1>, high = #nn.dims<1, 1>, group = 1 : i64} : (tensor<1x24x8x8xui8>, tensor<24x24x3x3xi8>) -> tensor<1x24x8x8xi32>
  %f = nn.cast %a : (tensor<1x24x8x8xi32>) -> tensor<1x24x8x8xf32>
  %q = nn.quantize %f, %s, %z : (tensor<1x24x8x8xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x24x8x8xui8>
  %p = nn.pad %q, %z {low = #nn.dims<0, 0, 1, 1>, high = #nn.dims<0, 0, 1, 1>, mode = #nn.pad<constant>} : (tensor<1x24x8x8xui8>, tensor<ui8>) -> tensor<1x24x10x10xui8>
  %b = nn.conv %p, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, high = #nn.dims<0, 0>, group = 1 : i64} : (tensor<1x24x10x10xui8>, tensor<24x24x3x3xi8>) -> tensor<1x24x8x8xi32>
  return %b : tensor<1x24x8x8xi32>
}

// The body of a loop or branch is a net of its own.
// CHECK-LABEL: func @bodies_of_scans_are_in_blocks
// CHECK:         scan.scan
// CHECK:           nn.to_blocks
// CHECK:           nn.conv {{.*}}blocked
// CHECK-NEXT:      nn.relu {{.*}} (tensor<1x2x8x8x16xf32>)
// CHECK-NEXT:      nn.from_blocks
// CHECK-NEXT:      scan.yield
func.func @bodies_of_scans_are_in_blocks(%x: tensor<1x32x8x8xf32>) -> tensor<1x32x8x8xf32> {
  %y = scan.scan "t0" trip #nn.dims<5> carried(%x : tensor<1x32x8x8xf32>) {
  ^bb0(%h: tensor<1x32x8x8xf32>):
    %w = pack.constant(dense<0.5> : tensor<32x32x3x3xf32>) : tensor<32x32x3x3xf32>
    %a = nn.conv %h, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<1, 1>, high = #nn.dims<1, 1>, group = 1 : i64} : (tensor<1x32x8x8xf32>, tensor<32x32x3x3xf32>) -> tensor<1x32x8x8xf32>
    %r = nn.relu %a : (tensor<1x32x8x8xf32>) -> tensor<1x32x8x8xf32>
    scan.yield %r : tensor<1x32x8x8xf32>
  } -> tensor<1x32x8x8xf32>
  return %y : tensor<1x32x8x8xf32>
}
