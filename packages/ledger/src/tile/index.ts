export {
  bundleBytesMax,
  type DecodedBundle,
  decodeBundle,
  encodeBundle,
  entryBytesMax,
} from './entry-bundle.ts'
export {
  edgeRoot,
  edgeWrites,
  emptyEdge,
  growTree,
  type TileWrite,
  type TreeEdge,
  type TreeGrowth,
} from './grow-tree.ts'
export { consistencyProof, inclusionProof, type ReadTile, treeRoot } from './prove.ts'
export {
  type Bundle,
  hashesAt,
  levelsOf,
  parseTilePath,
  type Tile,
  tilePath,
  tileWidth,
  widthAt,
} from './tile.ts'
export { hashAt, rootWith, rootWithin } from './tile-root.ts'
