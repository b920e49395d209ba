// What no GPU kernel computes is refused at its node, never computed elsewhere.
// RUN: tenon-opt %s -split-input-file -verify-diagnostics \
// RUN:   -tenon-lower-to-kern -tenon-fuse-groups -tenon-key-kernels \
// RUN:   -tenon-plan-arena -tenon-emit-kernels

module attributes {dlti.target_system_spec = #dlti.target_system_spec<"GPU" = #dlti.target_device_spec<"tenon.workgroup" = 64 : i64>>} {
  func.func @main(%x: tensor<100xf16>) -> tensor<100xf16> {
    // expected-error @below {{found a tensor of f16; compile the model for a CPU}}
    %0 = nn.abs %x : (tensor<100xf16>) -> tensor<100xf16>
    return %0 : tensor<100xf16>
  }
}
