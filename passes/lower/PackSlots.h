// Where values that live at different times share bytes of an arena.
#ifndef TENON_PASSES_LOWER_PACKSLOTS_H
#define TENON_PASSES_LOWER_PACKSLOTS_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace tenon::lower {

/// A value's bytes and the steps from its first to its last use.
struct Slot {
  uint64_t bytes = 0, offset = 0;
  unsigned first = 0, last = 0;
};

/// Gives each slot an offset that none alive at the same time covers; returns
/// the arena's bytes. The same slots give the same places.
uint64_t packSlots(llvm::MutableArrayRef<Slot> slots);

/// The largest sum of bytes alive at one step: no arena is smaller.
uint64_t peakOf(llvm::ArrayRef<Slot> slots);

} // namespace tenon::lower

#endif // TENON_PASSES_LOWER_PACKSLOTS_H
