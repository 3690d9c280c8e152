export { assertPublicUrl, isForbiddenAddress, publicLookup } from './address-guard.ts'
