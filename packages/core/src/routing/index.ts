export {
  type Circuit,
  circuitAfterFailure,
  circuitAfterStart,
  circuitAfterSuccess,
  circuitStart,
  mayPass,
} from './circuit.ts'
export { builtInRoles, type KeySpec, keySpec } from './key.ts'
export {
  orderByWeight,
  type PickCandidate,
  type PickContext,
  pickEndpoint,
} from './pick-endpoint.ts'
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
