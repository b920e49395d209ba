// RUN: tenon-opt %s -split-input-file -verify-diagnostics -tenon-choose-layouts
// RUN: tenon-opt %s -split-input-file -verify-diagnostics -tenon-fuse-scans
// RUN: tenon-opt %s -split-input-file -verify-diagnostics -tenon-lower-to-kern
// RUN: tenon-opt %s -split-input-file -verify-diagnostics -tenon-key-kernels
// RUN: tenon-opt %s -split-input-file -verify-diagnostics -tenon-plan-arena

// A pass that asks for sizes refuses a program that does not name them.

// expected-error @below {{expected nn.shape on argument 0, whose type 'tensor<?xf32>' has sizes known only at run time}}
func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}
