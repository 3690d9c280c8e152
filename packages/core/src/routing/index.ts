export { builtInRoles, type KeySpec, keySpec } from './key.ts'
export { type ProviderSpec, providerSpec } from './provider.ts'
export { type RouteSpec, type RouteTarget, routeSpec, routeTarget } from './route.ts'
export {
  type Endpoint,
  endpoint,
  type ServingClaims,
  type SignedSnapshot,
  type Snapshot,
  servingClaims,
  signedSnapshot,
  snapshot,
} from './snapshot.ts'
