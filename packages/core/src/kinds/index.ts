export { findingsOf } from './findings-of.ts'
export { type Kind, type KindEntry, kindNames, kindOf, kinds } from './kinds.ts'
export { type Declared, type ParsedResource, parseResource } from './parse-resource.ts'
