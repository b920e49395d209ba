// How a matmul is cut: register tiles, and the blocks that lanes take.
#ifndef TENON_DIALECTS_KERN_MATMULTILE_H
#define TENON_DIALECTS_KERN_MATMULTILE_H

#include "dialects/kern/Kern.h"

namespace tenon::kern {

/// The register tiles of a dense matmul with `columns` columns. Depends on
/// sizes only, so that all CPUs share the grid of tiles.
TileAttr chooseTile(mlir::MLIRContext *context, const MatmulNest &nest,
                    const DimExpr &columns);

/// Rows of one block: they stay in the second-level cache while all panels
/// pass by.
DimExpr rowsOfBlock(const MatmulNest &nest, TileAttr tile);

} // namespace tenon::kern

#endif // TENON_DIALECTS_KERN_MATMULTILE_H
