export { type Kind, type KindEntry, kindNames, kindOf, kinds } from './kinds.ts'
export { type Declared, findingsOf, type ParsedResource, parseResource } from './parse-resource.ts'
