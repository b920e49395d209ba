// How products and windows are cut: register tiles, and the blocks that lanes take.
#ifndef TENON_DIALECTS_KERN_REGISTERTILE_H
#define TENON_DIALECTS_KERN_REGISTERTILE_H

#include "dialects/kern/Kern.h"

namespace tenon::kern {

/// The register tiles of a dense matmul with `columns` columns. Depends on
/// sizes only, so that all CPUs share the grid of tiles.
TileAttr chooseTile(mlir::MLIRContext *context, const MatmulNest &nest,
                    const DimExpr &columns);

/// Rows of one block: they stay in the second-level cache while all panels
/// pass by.
DimExpr rowsOfBlock(const MatmulNest &nest, TileAttr tile);

/// The register tiles of a reduction over windows of channel blocks (depthwise
/// convolution, pooling): its lanes are a block's 16 channels, the loop before
/// walks the results of a line, and a line of the window is written out. Null
/// where the reduction has another form.
TileAttr chooseWindowTile(mlir::MLIRContext *context, const LoopNest &nest,
                          size_t ins);

/// Results of a line that one tile of such a reduction covers.
inline int64_t lineOfWindows(TileAttr tile) { return 8 * tile.getRows()[0]; }

} // namespace tenon::kern

#endif // TENON_DIALECTS_KERN_REGISTERTILE_H
