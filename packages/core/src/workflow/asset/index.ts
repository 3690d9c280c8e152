export {
  type Partition,
  partitionAt,
  partitionSchema,
  partitionsOf,
  whyNoPartition,
} from './partition.ts'
export {
  type AssetNeed,
  assetName,
  type NeedsPlan,
  type NeedView,
  planNeeds,
  productionDepthMax,
  reaches,
} from './plan-needs.ts'
