export { headOf } from './head-of.ts'
export { type Outline, outlineOf, type Span } from './outline.ts'
export { repeatedName } from './repeated-name.ts'
